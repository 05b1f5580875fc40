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


@dataclass(slots=True)
class Report:
    """What an examination has found so far.

    Attributes:
        label: what was examined, in words.
        findings: by the name of the check.
        ended: whether all checks have been done.
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
                shown = finding and _masked(finding, e)
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


def _masked(finding: Finding, e: Examination) -> Finding:
    """A finding without any credential in it, which a server may have sent back in its error."""
    mask = Masker(e.secrets).text
    return replace(finding, found=mask(finding.found), remedy=mask(finding.remedy))
