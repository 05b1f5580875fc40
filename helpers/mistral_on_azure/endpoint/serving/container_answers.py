"""What the container of managed compute answers: whole completions, streams, and its errors."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from mistral_on_azure.endpoint.serving.engine_request import EngineError

METHODS = {
    "/": "GET",
    "/info": "GET",
    "/swagger.json": "GET",
    "/score": "POST",
    "/chat/completions": "POST",
    "/v1/chat/completions": "POST",
    "/completions": "POST",
    "/v1/completions": "POST",
}
_FAILED = "An error occurred during the request processing: "
NAMES = {400: "Bad Request", 404: "Not Found", 422: "Invalid input", 500: "Internal Server Error"}


class Refused(Exception):
    """An answer of the container that is not 200.

    Attributes:
        status: the container's HTTP status; the gateway in front of it sends another.
        body: the bytes of the answer.
        headers: further headers.
    """

    def __init__(self, status: int, body: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = b"" if body is None else written(body)


def failed(why: str) -> Refused:
    """The container's answer to a failure of its own."""
    return refusal(500, f"{_FAILED}{why}")


def unsafe() -> Refused:
    """The container's answer to a prompt that Azure AI Content Safety finds severe."""
    return refusal(400, "request input violates azure ai content safety setting.")


def refusal(status: int, message: str) -> Refused:
    """An error of the container's third shape: a code, a message and a status."""
    name = NAMES.get(status, HTTPStatus(status).phrase)
    return Refused(status, {"error": {"code": name, "message": message, "status": status}})


def from_engine(error: EngineError) -> Refused:
    """The container's answer to an error of the engine, which it sends as text."""
    return refusal(error.status, error.body)


def whole(identifier: str, created: int, model: str, choices: list[tuple[str, str]], usage: tuple[int, int]) -> bytes:
    """A whole answer.

    Args:
        choices: text and finish reason of each.
        usage: prompt and completion tokens.
    """
    prompt, completion = usage
    silent = {"refusal": None, "annotations": None, "audio": None, "function_call": None, "reasoning": None}
    return written(
        {
            "id": identifier,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": text, "tool_calls": [], **silent},
                    "finish_reason": reason,
                }
                for index, (text, reason) in enumerate(choices)
            ],
            "usage": {
                "prompt_tokens": prompt,
                "total_tokens": prompt + completion,
                "completion_tokens": completion,
                "prompt_tokens_details": None,
            },
        }
    )


def stream(
    identifier: str,
    created: int,
    model: str,
    choices: list[tuple[tuple[str, ...], str]],
    usage: tuple[int, int] | None,
) -> tuple[bytes, ...]:
    """The events of a stream: a role, one token a chunk, the finish reason with the last token, perhaps usage.

    Args:
        choices: the tokens' texts and the finish reason of each.
        usage: prompt and completion tokens, None where the request did not ask for them.
    """

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": identifier, "object": "chat.completion.chunk", "created": created, "model": model}
        return b"data: " + written({**head, "choices": choices, **more}) + b"\n\n"

    events = [
        event([{"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for index in range(len(choices))
    ]
    for index, (pieces, reason) in enumerate(choices):
        texts = pieces or ("",)
        events += [
            event([{"index": index, "delta": {"content": text}, "finish_reason": reason if last else None}])
            for text, last in zip(texts, [False] * (len(texts) - 1) + [True], strict=True)
        ]
    if usage is not None:
        prompt, completion = usage
        counts = {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}
        events.append(event([], usage=counts))
    return (*events, b"data: [DONE]\n\n")


def written(value: Any) -> bytes:
    """JSON as the container writes it, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def description() -> dict[str, Any]:
    """A short OpenAPI document of the container's routes; the container's own has every schema."""
    paths = {path: {method.lower(): {"responses": {"200": {"description": "OK"}}}} for path, method in METHODS.items()}
    return {"openapi": "3.1.0", "info": {"title": "Container of managed compute", "version": "1"}, "paths": paths}
