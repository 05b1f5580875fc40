"""The seconds between tries: read from when these arrived, and compared so that a busy machine is no news.

A wait is what its client chose to wait: the time that a try took to fail is not part of it, as far as that is a timeout
of the client. On loopback all else is next to nothing.
"""

from __future__ import annotations

from itertools import pairwise

_EARLY = 0.4  # seconds that a wait may be shorter than it was ever measured: clients draw theirs at random
_LATE = 1.5  # seconds that it may be longer: on a busy machine everything comes late
_ALIKE = 0.5  # seconds: what is closer is shown as one span
_TOLD = 1.0  # seconds that a client which waits as told may come late

Spans = list[list[float]]  # for each wait the shortest and the longest that was measured


def rounded(arrived: list[float], timeout: float | None = None) -> list[float]:
    """The waits between tries, to a tenth of a second.

    Args:
        arrived: when the tries did, in seconds.
        timeout: after which each try failed.
    """
    return [round(max(0.0, later - earlier - (timeout or 0)), 1) for earlier, later in pairwise(arrived)]


def spans(repeats: list[list[float]]) -> Spans:
    """The spans of repeats with as many tries."""
    return [[min(each), max(each)] for each in zip(*repeats, strict=True)]


def agree(kept: Spans, seen: list[float]) -> bool:
    """Whether waits are those that are kept, as far as a busy machine lets one tell."""
    return len(kept) == len(seen) and all(
        low - _EARLY <= wait <= high + _LATE for (low, high), wait in zip(kept, seen, strict=True)
    )


def alike(one: Spans, other: Spans) -> bool:
    """Whether waits are so much alike that a reader takes them for the same."""
    return len(one) == len(other) and all(high - low <= _ALIKE for low, high in joined(one, other))


def joined(one: Spans, other: Spans) -> Spans:
    """Spans that cover both."""
    return [[min(left[0], right[0]), max(left[1], right[1])] for left, right in zip(one, other, strict=True)]


def as_told(kept: Spans, told: int | None) -> bool:
    """Whether a client waited what `Retry-After` said."""
    return bool(kept and told) and all(told <= low and high <= told + _TOLD for low, high in kept)


def in_words(kept: Spans) -> str:
    """How a reader is told: seconds such as `0.4 to 0.5, 1`."""
    return ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in kept) or "none"
