"""A request and its answer as the engine sees them: plain data, no socket and no framework in sight."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are lower case."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """One HTTP answer: a whole body, or events that are written one after the other.

    `delay` is the wait before the first byte and `gap` the wait between two events, both in seconds; with 0 and 0
    everything leaves in one write. `cut` says after how many bytes of the body the connection is reset.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    events: tuple[bytes, ...] | None = None
    delay: float = 0.0
    gap: float = 0.0
    cut: int | None = None
    note: str = ""
