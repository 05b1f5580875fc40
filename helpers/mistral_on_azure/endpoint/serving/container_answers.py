"""The response bodies of managed compute's container: chat completions, streams and errors."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.models.sampling import Completion
from mistral_on_azure.endpoint.serving.engine_request import EngineBody, EngineError, StreamOptions
from mistral_on_azure.endpoint.transport import listener
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer, Request, lines

PAGE = (
    b"\n<!DOCTYPE html>\n<html>\n<head>\n<title>FastAPI - ReDoc</title>\n"
    b'<!-- needed for adaptive design -->\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    b"</head>\n<body>\n"
    b"<p>The container's page draws its document with a script from another host; the local endpoint has none. "
    b"The document is <a href='/swagger.json'>/swagger.json</a>.</p>\n</body>\n</html>\n"
)  # what /redoc answers
_EVENTS = "text/event-stream; charset=utf-8"
NAMES = {400: "Bad Request", 422: "Invalid input", 500: "Internal Server Error"}  # codes of errors, by status


class Refused(Exception):
    """A response of the container that is not 200. It is raised by the code that refuses the request.

    Attributes:
        status: the container's HTTP status; the gateway sends 424 instead.
        body: the bytes of the response body.
        headers: further response headers.
        content_type: the type of the body.
    """

    content_type = "application/json"

    def __init__(self, status: int, body: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = b"" if body is None else written(body)


def info(deployment: Deployment) -> bytes:
    """The body of `/info`."""
    provider, name = deployment.container_provider, deployment.container_name
    told = {"model_type": "chat-completion", "model_provider_name": provider, "model_name": name}
    return json.dumps(told, indent=4).encode()


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


def failed(why: str) -> Refused:
    """The container's 500, for an exception in its own code."""
    return refusal(500, f"An error occurred during the request processing: {why}")


def refusal(status: int, message: str) -> Refused:
    """An error of the container in the form `{"error": {"code", "message", "status"}}`; it has two other forms."""
    return Refused(status, {"error": {"code": NAMES[status], "message": message, "status": status}})


def from_engine(error: EngineError) -> Refused:
    """The container's response to an error of the engine: its message is the engine's JSON body as a string."""
    return refusal(error.status, error.body)


def completed(
    identifier: str, model: str, body: EngineBody, role: str, choices: Sequence[Completion], usage: tuple[int, int]
) -> Answer:
    """The response with a chat completion, as the request asks for it: whole, or as the events of a stream.

    Args:
        identifier: the completion's id.
        model: the name of the model.
        body: the parameters of the request.
        role: the role of the request's last message, which the choices have if `add_generation_prompt` is false.
        choices: the completions.
        usage: (prompt tokens, completion tokens).
    """
    created = int(time.time())
    if body.stream:
        head = {"id": identifier, "object": "chat.completion.chunk", "created": created, "model": model}
        return Answer(200, b"", b"", _EVENTS, _stream(head, choices, usage, body.stream_options or StreamOptions()))
    prompt, completion = usage
    spoken = {"role": "assistant" if body.add_generation_prompt else role}
    silent = {"refusal": None, "annotations": None, "audio": None, "function_call": None, "reasoning": None}
    whole = {
        "id": identifier,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": index,
                "message": {**spoken, "content": choice.text, "tool_calls": [], **silent},
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ],
        "usage": {
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": None,
        },
    }
    return Answer(200, written(whole))


def _stream(
    head: dict[str, Any], choices: Sequence[Completion], usage: tuple[int, int], options: StreamOptions
) -> tuple[bytes, ...]:
    """The events of a stream: the role, one chunk for each token, the finish reason in the last of them, and usage."""
    sent, counted = 0, options.include_usage and options.continuous_usage_stats
    start = _encode(head).removesuffix("}")  # written once, since a stream may have thousands of events

    def event(choices: str, counts: str) -> bytes:
        return _bytes_of(f'data: {start},"choices":[{choices}]{counts}}}\n\n')

    def chunk(index: int, delta: str, ended: str | None) -> bytes:
        told = "null" if ended is None else _encode(ended)
        counts = _counts(usage[0], min(sent, usage[1])) if counted else ""
        return event(f'{{"index":{index},"delta":{{{delta}}},"finish_reason":{told}}}', counts)

    events = [chunk(index, '"role":"assistant","content":""', None) for index in range(len(choices))]
    for index, choice in enumerate(choices):
        texts = choice.pieces or ("",)
        for place, text in enumerate(texts, 1):
            sent += 1
            ended = choice.finish_reason if place == len(texts) else None
            events.append(chunk(index, f'"content":{_encode(text)}', ended))
    if options.include_usage:
        events.append(event("", _counts(*usage)))
    return (*events, DONE)


def broken_stream(error: EngineError, model: str) -> Answer:
    """A stream that starts with an error of the engine, which the container fails to parse as a chunk."""
    shown = abbreviated(repr({**error.error, "model": model}))
    faults = "".join(
        f"\n{name}\n  Field required [type=missing, input_value={shown}, input_type=dict]"
        "\n    For further information visit https://errors.pydantic.dev/2.12/v/missing"
        for name in ("id", "choices")
    )
    told = f"data: {json.dumps(error.error, ensure_ascii=False)}"
    why = f"with exception: 2 validation errors for ChatCompletionStreamResponse{faults}"
    event = f"event: error\ndata: Error parsing decoded stream: {told}\n, {why}\n\n"
    return Answer(200, b"", b"", _EVENTS, (event.encode(), DONE, DONE))


def abbreviated(text: str) -> str:
    """A long value as in pydantic's error messages: its first 25 and its last 24 characters."""
    return f"{text[:25]}...{text[-24:]}"


def _counts(prompt: int, completion: int) -> str:
    """The member `usage` of a stream's chunk."""
    total = prompt + completion
    return f',"usage":{{"prompt_tokens":{prompt},"total_tokens":{total},"completion_tokens":{completion}}}'


def written(value: Any) -> bytes:
    """JSON as the container writes it: without spaces, and with unpaired surrogates, which UTF-8 lacks, escaped."""
    return _bytes_of(_encode(value))


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@cache
def description() -> bytes:
    """The container's OpenAPI document: its routes and schemas, with other descriptions and examples."""
    return written(json.loads(Path(__file__).with_name("container_document.json").read_bytes()))
