"""The report of an examination: every finding, what it took, and no credential."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from helpers.doctor.checks import CHECKS, Check, examine
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, Status
from helpers.running.masking import Masker

_LONGEST = 600  # characters of a finding


@dataclass(slots=True)
class Report:
    """What an examination has found so far.

    Attributes:
        label: what was examined, in words.
        findings: by the name of the check.
        seconds: how long it has taken.
    """

    label: str
    examination: Examination
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: float = 0.0

    def steps(self) -> Iterator[tuple[Check, Finding | None]]:
        """Do the checks; each is yielded before it begins, with None, and after it has ended."""
        e = self.examination
        try:
            for check, finding in examine(e):
                shown = finding and _fit_to_print(finding, e)
                if shown:
                    self.findings[check.name] = shown
                    self.seconds = time.monotonic() - e.began
                yield check, shown
        finally:
            e.close()

    @property
    def passed(self) -> bool:
        """Whether all checks were done and none failed."""
        return len(self.findings) == len(CHECKS) and not self.failed

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [name for name, finding in self.findings.items() if finding.status is Status.FAILS]

    @property
    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        e = self.examination
        return {
            "examined": self.label,
            "endpoint": e.url or None,
            "passed": self.passed,
            "checks": [
                {"check": name, "status": str(each.status), "found": each.found, "remedy": each.remedy}
                for name, each in self.findings.items()
            ],
            "calls": e.calls,
            "prompt_tokens": e.prompt_tokens,
            "completion_tokens": e.completion_tokens,
            "seconds": round(self.seconds, 3),
        }


def _fit_to_print(finding: Finding, e: Examination) -> Finding:
    """A finding without what a server may have put into it: a credential, control characters, no end of text."""
    masker = Masker(e.secrets)

    def fit(text: str) -> str:
        text = masker.text("".join(character if character.isprintable() else " " for character in text))
        return f"{text[:_LONGEST]} …" if len(text) > _LONGEST else text

    return replace(finding, found=fit(finding.found), remedy=fit(finding.remedy))
