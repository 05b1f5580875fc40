"""Streaming: the same answer as server-sent events, one token a chunk.

A call of a tool is one chunk with the whole call, as Mistral sends it: its client refuses a call in pieces.
Only `data: ` lines are sent: azure-ai-inference refuses comments, pings and `event:` lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from helpers.endpoint.completions import Result, new_id

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def events(answer: Result) -> tuple[bytes, ...]:
    """All events of a stream: for each choice a role, its tokens and its end; then `[DONE]`.

    Usage comes with the last end, where Mistral's clients look for it. A request that has an opinion, in
    `stream_options`, gets what OpenAI sends: usage in an event of its own, after the choices, or none.
    Only the head is new in each stream; what follows it is encoded once for each result.
    """
    head = {
        "id": new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": answer.deployment.name,
    }
    start = b"data: " + _encode(head)[:-1]
    if not answer.tails:
        answer.tails.extend(b"," + _encode(tail)[1:] + b"\n\n" for tail in _tails(answer))
    return (*[start + tail for tail in answer.tails], DONE)


def _tails(answer: Result) -> Iterator[dict[str, Any]]:
    """What follows the head in each event."""
    last, asked = len(answer.completions) - 1, usage_asked(answer.parameters)
    for index, completion in enumerate(answer.completions):
        tokens = (answer.logprobs(completion) or {}).get("content")
        yield _tail(index, {"role": "assistant", "content": ""})
        for place, piece in enumerate(completion.pieces):
            yield _tail(index, {"content": piece}, {"content": [tokens[place]]} if tokens else None)
        for place, call in enumerate(completion.calls):
            yield _tail(index, {"tool_calls": [{"index": place, **call.member}]})
        end = _tail(index, {"content": ""}, finish_reason=completion.finish_reason)
        yield {**end, "usage": answer.usage} if index == last and asked is None else end
    if asked:
        yield {"choices": [], "usage": answer.usage}


def usage_asked(parameters: dict[str, Any]) -> bool | None:
    """Whether a request wants usage as OpenAI sends it; None where it does not say."""
    return parameters.get("stream_options", {}).get("include_usage")


def _tail(
    index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, finish_reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {"choices": [choice]}
