"""`python floor.py PORT`: the floor, a constant answer on the same server library (httptools and uvloop).

No server that parses HTTP with httptools in Python can be faster than this one.
"""

from __future__ import annotations

import asyncio
import json
import sys

import httptools
import uvloop
from request_bodies import ANSWER, MODEL, TOKENS

_HEAD = b"HTTP/1.1 200 OK\r\nserver: floor\r\n"


def whole() -> bytes:
    """A chat completion."""
    body = json.dumps(
        {
            "id": "0" * 32,
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": 12 + TOKENS},
        }
    ).encode()
    return _HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def stream() -> bytes:
    """A stream with an event for each token, all in one chunk."""
    chunk = {"id": "0" * 32, "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    pieces = [ANSWER[place * 5 : place * 5 + 5] for place in range(TOKENS)]
    choices = [[{"index": 0, "delta": {"content": piece}, "finish_reason": None}] for piece in pieces]
    events = b"".join(b"data: %b\n\n" % json.dumps({**chunk, "choices": choice}).encode() for choice in choices)
    body = events + b"data: [DONE]\n\n"
    head = _HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)


class Floor(asyncio.Protocol):
    """A connection that answers every request with the same bytes."""

    answers = (whole(), stream())

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport, self.parser, self.body = transport, httptools.HttpRequestParser(self), b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.transport.write(self.answers[b'"stream": true' in self.body])
        self.body = b""


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
