"""The quota, as far as the answers' headers tell it."""

from __future__ import annotations

from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok

_LOW = 0.1  # of what a minute has


def quota(e: Examination) -> Finding:
    """What is left of a minute's requests and tokens."""
    parts, low = [], []
    for what in ("requests", "tokens"):
        limit, left = (_number(e, f"x-ratelimit-{which}-{what}") for which in ("limit", "remaining"))
        if left is None:
            continue
        parts.append(f"{left:,} of {limit:,} {what} left" if limit else f"{left:,} {what} left")
        if limit and left < limit * _LOW:
            low.append(what)
    if not parts:
        return note("the answers have no x-ratelimit headers; managed compute is limited by its machines instead")
    if low:
        return note(", ".join(parts), f"Few {' and '.join(low)} are left this minute: slow down, or raise the quota.")
    return ok(", ".join(parts))


def _number(e: Examination, header: str) -> int | None:
    value = e.last.headers.get(header, "")
    return int(value) if value.isdigit() else None
