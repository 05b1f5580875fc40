"""Heads of requests that were parsed before: a client that keeps its connection sends the same one over and over."""

from __future__ import annotations

from mistral_on_azure.endpoint.transport.exchange import Request

_END = b"\r\n\r\n"
_KEPT, _LONGEST = 512, 8 * 1024  # heads, and bytes of one
_KEPT_BYTES = 1024 * 1024  # of all heads
# A body in chunks has no length beforehand, and the other two want more than an answer.
_ONLY_PARSED = {"transfer-encoding", "expect", "upgrade"}


class Heads:
    """The requests that heads have led to, without their bodies."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Request, int]] = {}
        self.size = 0  # bytes of the heads

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
        if end > _LONGEST or data[end:] != request.body or _ONLY_PARSED & request.headers.keys():
            return
        if len(self._known) >= _KEPT or self.size + end > _KEPT_BYTES:
            self._known.clear()
            self.size = 0
        self.size += end
        like = Request(request.method, request.path, request.query, request.headers)
        self._known[data[:end]] = like, len(request.body)
