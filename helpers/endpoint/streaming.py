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


def events(answer: Result) -> tuple[bytes, ...]:
    """All events of a stream: for each choice a role, its tokens and its end with usage; then `[DONE]`."""
    head = {
        "id": new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": answer.deployment.name,
    }
    last = len(answer.completions) - 1
    chunks = [
        chunk
        for index in range(len(answer.completions))
        for chunk in _choice(head, answer, index, usage=answer.usage if index == last else None)
    ]
    return (*(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks), DONE)


def _choice(head: dict[str, Any], answer: Result, index: int, usage: dict[str, int] | None) -> Iterator[dict[str, Any]]:
    completion = answer.completions[index]
    tokens = (answer.logprobs(completion) or {}).get("content")
    yield _chunk(head, index, {"role": "assistant", "content": ""})
    for place, piece in enumerate(completion.pieces):
        yield _chunk(head, index, {"content": piece}, {"content": [tokens[place]]} if tokens else None)
    for place, call in enumerate(completion.calls):
        yield _chunk(head, index, {"tool_calls": [{"index": place, **call.member}]})
    end = _chunk(head, index, {"content": ""}, finish_reason=completion.finish_reason)
    yield end if usage is None else {**end, "usage": usage}


def _chunk(
    head: dict[str, Any],
    index: int,
    delta: dict[str, Any],
    logprobs: dict[str, Any] | None = None,
    finish_reason: str | None = None,
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {**head, "choices": [choice]}
