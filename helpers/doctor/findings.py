"""What a check finds: one of four verdicts, what was seen, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing is broken
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check.

    Attributes:
        found: what was seen, in a sentence or less. Never a credential.
        remedy: what to do, empty where nothing needs doing.
        blocks: checks that need this one are skipped.
        waits_for: the check that failed, for one that was skipped because of it.
    """

    status: Status
    found: str
    remedy: str = ""
    blocks: bool = False
    waits_for: str = ""


def ok(found: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, found)


def note(found: str, remedy: str = "") -> Finding:
    """Worth knowing, such as something that an engine does not have."""
    return Finding(Status.NOTE, found, remedy)


def fails(found: str, remedy: str, *, goes_on: bool = False) -> Finding:
    """Something to mend. With `goes_on`, the checks that need this one can look on all the same."""
    return Finding(Status.FAILS, found, remedy, blocks=not goes_on)


def skipped(why: str) -> Finding:
    """There was nothing to look at here."""
    return Finding(Status.SKIPPED, why)


def waiting(check: str) -> Finding:
    """This could not be looked at, because another check failed."""
    return Finding(Status.SKIPPED, f"waits for {check}", blocks=True, waits_for=check)
