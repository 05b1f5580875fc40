"""Parameters that the API does not name: refused, dropped or passed on, as a header says."""

from __future__ import annotations

from helpers.doctor.chatting import ask
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok

_WAYS = ("error", "drop", "pass-through")


def extra_parameters(e: Examination) -> Finding:
    """A made-up parameter, without the header and with each of its values."""
    took = {way: _taken(e, way) for way in ("", *_WAYS)}
    default = "taken" if took[""] else "refused"
    if not took["error"]:
        ways = ", ".join(f"{way}: {'taken' if took[way] else 'refused'}" for way in _WAYS[1:])
        return ok(f"{default} by default; the header extra-parameters counts ({ways})")
    if all(took.values()):
        return note("taken and ignored, whatever the header says", "Check your spelling: a wrong name does nothing.")
    refused = ", ".join(way or "no header" for way, taken in took.items() if not taken)
    return note(f"{default} by default; refused with {refused}")


def _taken(e: Examination, way: str) -> bool:
    return ask(e, headers={"extra-parameters": way} if way else {}, cookbook_doctor=True).status == 200
