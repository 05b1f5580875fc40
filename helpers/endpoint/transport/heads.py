"""Heads that were parsed before: a client that keeps its connection says the same ones over and over.

What httptools makes of a head depends on nothing but its bytes, and it reads exactly as much body as the head says. So
a request that arrives whole, with a head known byte by byte and a body of the same length, is what it was before but
for its body. Everything else is left to the parser.
"""

from __future__ import annotations

from helpers.endpoint.exchange import Request

_END = b"\r\n\r\n"
_KEPT = 512  # heads
# A body in chunks has no length beforehand, and the other two want more than an answer.
_ONLY_PARSED = {"transfer-encoding", "expect", "upgrade"}


class Heads:
    """The requests that heads have led to, without their bodies."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Request, int]] = {}

    def recall(self, data: bytes) -> Request | None:
        """The request in `data`, if it is one whole request with a known head."""
        end = data.find(_END) + len(_END)
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known[1]:
            return None
        like = known[0]
        return Request(like.method, like.path, like.query, like.headers, data[end:])

    def remember(self, data: bytes, request: Request) -> None:
        """Keep the head of `data`, from which the parser has read `request` and nothing else."""
        end = data.find(_END) + len(_END)
        if data[end:] != request.body or _ONLY_PARSED & request.headers.keys():
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        like = Request(request.method, request.path, request.query, request.headers)
        self._known[data[:end]] = like, len(request.body)
