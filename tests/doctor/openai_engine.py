"""An OpenAI-compatible engine that has the routes under `/v1` only, and the abilities that a test gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from servers import Asked, Reply

MODEL = "an-engines-own-model"
USAGE = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}


class Engine:
    """Answers what a test does not answer itself.

    Args:
        key: what it wants as a bearer credential; empty for nothing.
        chat: given a chat request, another answer; None leaves it to the engine.
    """

    def __init__(self, key: str = "", chat: Callable[[Asked], Reply | None] = lambda asked: None) -> None:
        self.key, self.chat = key, chat

    def __call__(self, asked: Asked) -> Reply:
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return Reply({"error": {"message": f"Wrong key: {asked.headers.get('authorization')}"}}, 401)
        if asked.path == "/v1/models":
            return Reply({"object": "list", "data": [{"id": MODEL}]})
        if asked.path != "/v1/chat/completions":
            return Reply({"detail": "Not Found"}, 404)
        return self.chat(asked) or completion()


def completion(content: str = "Hello", usage: dict[str, int] | None = USAGE, **message: Any) -> Reply:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": "length"}
    return Reply({"model": MODEL, "choices": [choice], "usage": usage})


def stream(*events: Any, done: bool = True, gap: float = 0.0, **reply: Any) -> Reply:
    """A stream of chunks; an event that is bytes is written as it is."""
    written = [each if isinstance(each, bytes) else b"data: %b\n\n" % json.dumps(each).encode() for each in events]
    written += [b"data: [DONE]\n\n"] if done else []
    return Reply(parts=tuple(written), gap=gap, headers={"content-type": "text/event-stream"}, **reply)


def chunk(content: str, finish_reason: str | None = None) -> dict[str, Any]:
    """An event of a stream."""
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}]}
