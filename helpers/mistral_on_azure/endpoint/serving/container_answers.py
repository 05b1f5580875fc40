"""What the container of managed compute answers: whole completions, streams, and its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from mistral_on_azure.endpoint.serving.engine_request import EngineError
from mistral_on_azure.endpoint.transport import listener
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer, Request, lines

METHODS = {
    "/": "GET",
    "/info": "GET",
    "/swagger.json": "HEAD, GET",
    "/redoc": "HEAD, GET",
    "/score": "POST",
    "/chat/completions": "POST",
    "/v1/chat/completions": "POST",
    "/completions": "POST",
    "/v1/completions": "POST",
}
PAGE = (
    b"\n<!DOCTYPE html>\n<html>\n<head>\n<title>FastAPI - ReDoc</title>\n"
    b'<!-- needed for adaptive design -->\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    b"</head>\n<body>\n"
    b"<p>The container's page draws its document with a script from another host; the local endpoint has none. "
    b"The document is <a href='/swagger.json'>/swagger.json</a>.</p>\n</body>\n</html>\n"
)  # what /redoc answers
_FAILED = "An error occurred during the request processing: "
NAMES = {400: "Bad Request", 404: "Not Found", 422: "Invalid input", 500: "Internal Server Error"}


class Refused(Exception):
    """An answer of the container that is not 200.

    Attributes:
        status: the container's HTTP status; the gateway in front of it sends another.
        body: the bytes of the answer.
        headers: further headers.
        content_type: of the body.
    """

    content_type = "application/json"

    def __init__(self, status: int, body: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = b"" if body is None else written(body)


def preflight(request: Request) -> Answer:
    """The answer to a preflight request, which names the page's origin, whatever that is.

    Raises:
        Refused: 400 for a method that the container's framework does not know.
    """
    answer = listener.preflight(request)
    allowed = ("access-control-allow-origin", request.headers["origin"])
    if answer.status == 200:
        return replace(answer, headers=answer.headers + lines((allowed,)))
    refused = Refused(answer.status, headers=(allowed,))
    refused.body, refused.content_type = answer.body, answer.content_type
    raise refused


def check_route(method: str, path: str) -> None:
    """Refuse an unknown path, a method that a path does not have, and a slash too many.

    Raises:
        Refused: 404, 405, or 307 to the path without the slash.
    """
    known = METHODS.get(path)
    if known is not None and method in known.split(", "):
        return
    if known is None and path.endswith("/") and path[:-1] in METHODS:
        raise Refused(HTTPStatus.TEMPORARY_REDIRECT, headers=(("location", path[:-1]),))
    if known is None:
        raise Refused(404, {"detail": "Not Found"})
    raise Refused(405, {"detail": "Method Not Allowed"}, (("allow", known),))


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


def whole(
    identifier: str,
    created: int,
    model: str,
    choices: list[tuple[str, str]],
    usage: tuple[int, int],
    role: str = "assistant",
) -> bytes:
    """A whole answer.

    Args:
        choices: text and finish reason of each.
        usage: prompt and completion tokens.
        role: whose message it is: the last one's where the request wants no new message.
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
                    "message": {"role": role, "content": text, "tool_calls": [], **silent},
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
    *,
    continuous: bool = False,
) -> tuple[bytes, ...]:
    """The events of a stream: a role, one token a chunk, the finish reason with the last token, perhaps usage.

    Args:
        choices: the tokens' texts and the finish reason of each.
        usage: prompt and completion tokens, None where the request did not ask for them.
        continuous: whether every event tells the usage so far.
    """
    sent = 0

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": identifier, "object": "chat.completion.chunk", "created": created, "model": model}
        if continuous and usage is not None and choices:
            more["usage"] = _counts(usage[0], min(sent, usage[1]))
        return b"data: " + written({**head, "choices": choices, **more}) + b"\n\n"

    events = [
        event([{"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for index in range(len(choices))
    ]
    for index, (pieces, reason) in enumerate(choices):
        texts = pieces or ("",)
        for place, text in enumerate(texts, 1):
            sent += 1
            ended = reason if place == len(texts) else None
            events.append(event([{"index": index, "delta": {"content": text}, "finish_reason": ended}]))
    if usage is not None:
        events.append(event([], usage=_counts(*usage)))
    return (*events, DONE)


def broken_stream(error: EngineError, model: str) -> tuple[bytes, ...]:
    """The events of a stream in which the engine found something wrong: the container cannot read its error."""
    shown = abbreviated(repr({**error.error, "model": model}))
    faults = "".join(
        f"\n{name}\n  Field required [type=missing, input_value={shown}, input_type=dict]"
        "\n    For further information visit https://errors.pydantic.dev/2.12/v/missing"
        for name in ("id", "choices")
    )
    told = f"data: {json.dumps(error.error, ensure_ascii=False)}"
    why = f"with exception: 2 validation errors for ChatCompletionStreamResponse{faults}"
    event = f"event: error\ndata: Error parsing decoded stream: {told}\n, {why}\n\n"
    return event.encode(), DONE, DONE


def abbreviated(text: str) -> str:
    """A long value as errors of validation show it: its beginning and its end."""
    return f"{text[:25]}...{text[-24:]}"


def _counts(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}


def written(value: Any) -> bytes:
    """JSON as the container writes it, without spaces; half of a surrogate pair, which UTF-8 has not, is escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


@cache
def description() -> bytes:
    """The container's OpenAPI document: its routes and schemas, with other descriptions and examples."""
    return written(json.loads(Path(__file__).with_name("container_document.json").read_bytes()))
