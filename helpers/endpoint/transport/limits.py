"""What one peer may take of the server, so that no client can hold it up, whether by design or by mistake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes, times in seconds.

    Attributes:
        header: a request line with all its headers.
        body: a request's body.
        connections: open at the same time; the next one is told 503.
        request: from a request's first byte to its last.
        silence: a connection with nothing to do is closed after that long.
        stream: an answer that takes longer, because it is paced or because nobody reads it, is broken off.
        grace: what running streams get to finish when the server is told to end.
    """

    header: int = 64 * 1024
    body: int = 4 * 1024 * 1024
    connections: int = 768
    request: float = 60.0
    silence: float = 60.0
    stream: float = 600.0
    grace: float = 5.0
