"""`Request` and `Answer`: HTTP messages as plain data, and `Heads`, a cache of parsed request heads.

A request head is the request line with all headers. A client mostly sends the same head with every request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, field

DONE = b"data: [DONE]\n\n"  # the event that ends a stream
_END = b"\r\n\r\n"
_KEPT, _LONGEST = 512, 8 * 1024  # heads in the cache, and bytes of one
_KEPT_BYTES = 1024 * 1024  # bytes of all heads in the cache
# Heads with these headers are not cached: a chunked body has no known length, and the parser has to act on the others.
_ONLY_PARSED = {"transfer-encoding", "expect", "upgrade"}


class Request(Struct):
    """One HTTP request.

    Attributes:
        path: percent-decoded, without the query string.
        headers: by names in lower case. Requests with the same head share this object: it must not be changed.
        known: what was read out of the head before, by the reader's name; shared by requests with the same head.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    known: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.path!r}, {self.query!r})"  # the headers hold the credential


class Chunks(Sequence[bytes]):
    """The events of a stream that begin alike, and `[DONE]` after them. It is faster to join them than to make each.

    Args:
        start: the beginning of each event.
        tails: the rest of each event.
        size: bytes of all tails.
    """

    __slots__ = ("_size", "_start", "_tails")

    def __init__(self, start: bytes, tails: Sequence[bytes], size: int) -> None:
        self._start, self._tails, self._size = start, tails, size

    def joined(self) -> bytes:
        """All events as one text."""
        return self._start + self._start.join(self._tails) + DONE

    @property
    def size(self) -> int:
        """Bytes of all events."""
        return len(self._start) * len(self._tails) + self._size + len(DONE)

    def __len__(self) -> int:
        return len(self._tails) + 1

    def __iter__(self) -> Iterator[bytes]:
        yield from (self._start + tail for tail in self._tails)
        yield DONE

    def __getitem__(self, place: int | slice) -> Any:
        return tuple(self)[place]


def joined(events: Sequence[bytes]) -> bytes:
    """All events of a stream as one text."""
    return events.joined() if type(events) is Chunks else b"".join(events)


def size_of(events: Sequence[bytes]) -> int:
    """Bytes of all events of a stream."""
    return events.size if type(events) is Chunks else sum(map(len, events))


class Answer(Struct):
    """One HTTP response: a body, or the events of a stream, with the times at which they are written.

    Attributes:
        headers: further header lines as bytes, each with its CRLF; `lines` makes them.
        events: the server-sent events of a stream; None for a response without streaming.
        delay: seconds before the body, or before the first event. The head of a stream is written at once.
        gap: seconds between two tokens of a stream. The first event (the role) is written with the first token.
        steps: number of gaps; all events after the last gap are written together. None is one gap for each event.
        cut: number of body bytes after which the connection is reset; 0 resets it before the status line.
        tokens: completion tokens, 0 where they are not known; the timing is computed from them.
        prompt_tokens: prompt tokens, 0 where they are not known.
        source: the events of a real engine's stream, each passed on when it arrives.
        note: the fault that was applied, for the journal.
    """

    status: int
    body: bytes = b""
    headers: bytes = b""
    content_type: str = "application/json"
    events: Sequence[bytes] | None = None
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
        """Whether head and body can be written in one call, without a delay or a reset."""
        return self.cut is None and not self.delay and not self.gap and self.source is None


def lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Encode names and values as header lines."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")


def fields(written: bytes) -> dict[str, str]:
    """Decode header lines that `lines` has made."""
    return dict(line.split(": ", 1) for line in written.decode("latin-1").split("\r\n")[:-1])


class Heads:
    """A cache of parsed request heads, limited in number and bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, str, str, dict[str, str], dict[str, Any], int]] = {}
        self.size = 0  # bytes of all heads

    def recall(self, data: bytes) -> Request | None:
        """The request in `data`, if that is exactly one request whose head is cached; else None."""
        end = data.find(_END) + 4
        found = self._known.get(data[:end])
        if found is None:
            return None
        method, path, query, headers, known, size = found
        return Request(method, path, query, headers, data[end:], known) if len(data) - end == size else None

    def remember(self, data: bytes, request: Request) -> None:
        """Cache the head of `data`, if the request that the parser has read from it is all that is in it."""
        end = data.find(_END) + len(_END)
        if end > _LONGEST or data[end:] != request.body or _ONLY_PARSED & request.headers.keys():
            return
        if len(self._known) >= _KEPT or self.size + end > _KEPT_BYTES:
            self._known.clear()
            self.size = 0
        self.size += end
        head = request.method, request.path, request.query, request.headers, request.known
        self._known[data[:end]] = *head, len(request.body)
