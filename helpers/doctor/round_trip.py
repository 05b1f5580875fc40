"""The round trip: how long the smallest call takes."""

from __future__ import annotations

from statistics import median

from helpers.doctor.chatting import ask
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, ok

_CALLS = 3


def round_trip(e: Examination) -> Finding:
    """The median of a few calls for one token, on a connection that is open already."""
    seconds = median(ask(e).seconds for _ in range(_CALLS))
    shown = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    return ok(f"{shown} for one token (median of {_CALLS})")
