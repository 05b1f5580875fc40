"""A request and its answer as the application sees them: plain data, no socket and no framework in sight.

A client that keeps its connection sends the same head over and over. Heads that were parsed before are remembered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

DONE = b"data: [DONE]\n\n"  # the event that ends a stream
_END = b"\r\n\r\n"
_KEPT, _LONGEST = 512, 8 * 1024  # heads, and bytes of one
_KEPT_BYTES = 1024 * 1024  # of all heads
# A body in chunks has no length beforehand, and the other two want more than an answer.
_ONLY_PARSED = {"transfer-encoding", "expect", "upgrade"}


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are lower case, the path is without percent signs and without its query.

    Requests with the same head share their headers: read them, never change them.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # hold the credential
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Answer:
    """One HTTP answer: a whole body, or events that are written one after the other.

    Attributes:
        headers: further header lines as they are sent, each with its line end; `lines` writes them.
        events: the events of a stream; None for an answer that is a whole.
        delay: seconds before the whole body, or before the first event. The head of a stream does not wait.
        gap: seconds between two tokens of a stream. The first event opens the stream and comes with the first token.
        steps: how many gaps there are; the events after that come with the last token. None is one for each event.
        cut: after how many bytes of the body the connection is reset; 0 is before the first byte of the answer.
        tokens: how many tokens the model generated, where that is known: what a pace goes by.
        prompt_tokens: how many the prompt took, where that is known.
        source: the events of a real engine's stream, which arrive while they are passed on.
        note: what the local endpoint did to this answer, for the wire view.
    """

    status: int
    body: bytes = b""
    headers: bytes = b""
    content_type: str = "application/json"
    events: tuple[bytes, ...] | None = None
    delay: float = 0.0
    gap: float = 0.0
    steps: int | None = None
    cut: int | None = None
    tokens: int = 0
    prompt_tokens: int = 0
    source: AsyncGenerator[bytes, None] | None = None
    note: str = ""

    @property
    def at_once(self) -> bool:
        """Whether all of it can leave in one write."""
        return self.cut is None and not self.delay and not self.gap and self.source is None


def lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Header lines, from names and values."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")


def fields(written: bytes) -> dict[str, str]:
    """Names and values, from header lines."""
    return dict(line.split(": ", 1) for line in written.decode("latin-1").split("\r\n")[:-1])


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
