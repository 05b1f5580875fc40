"""The seconds between tries: read from the times at which these arrived, and compared so that a busy machine is no news.

A wait is what its client chose to wait: the time that a try took to fail is not part of it. That time is next to
nothing on loopback, except where the client ran into its own timeout.
"""

from __future__ import annotations

from itertools import pairwise

_EARLY = 0.4  # seconds that a wait may be shorter than it was ever measured: clients draw theirs at random
_LATE = 1.5  # seconds that it may be longer: on a busy machine everything comes late


def rounded(arrived: list[float], timeout: float | None = None) -> list[float]:
    """The waits between tries, to a tenth of a second.

    Args:
        arrived: when the tries did, in seconds.
        timeout: after which each try failed.
    """
    return [round(max(0.0, later - earlier - (timeout or 0)), 1) for earlier, later in pairwise(arrived)]


def spans(repeats: list[list[float]]) -> list[list[float]]:
    """For each wait the shortest and the longest that was measured; of repeats with as many tries."""
    return [[min(each), max(each)] for each in zip(*repeats, strict=True)]


def agree(kept: list[list[float]], seen: list[list[float]]) -> bool:
    """Whether waits are those that are kept, as far as a busy machine lets one tell."""
    return len(kept) == len(seen) and all(
        low - _EARLY <= new_low and new_high <= high + _LATE
        for (low, high), (new_low, new_high) in zip(kept, seen, strict=True)
    )


def in_words(kept: list[list[float]], told: int | None) -> str:
    """How a reader is told: `as told`, or seconds such as `0.4–0.5, 0.8–1`."""
    if not kept:
        return "–"
    if told and all(told <= low and high <= told + 0.5 for low, high in kept):
        return "as told"
    return ", ".join(_span(low, high) for low, high in kept)


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"
