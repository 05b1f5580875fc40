"""Examining an endpoint in a test, and what must hold for every report."""

from __future__ import annotations

import json
from typing import Any

from mistral_on_azure.doctor.examination import Examination, Finding, Status
from mistral_on_azure.doctor.report import CHECKS, Report

NOTHING_LISTENS = "http://127.0.0.1:9"


def examine(url: str, key: str | None, **options: Any) -> Report:
    """Examine an endpoint, patiently enough for a busy machine."""
    given = {"timeout": 30.0, **options}
    report = Report("a test's endpoint", Examination(url, "--endpoint", key, **given))
    for _ in report.steps():
        pass
    assert list(report.findings) == [check.name for check in CHECKS]
    for name, finding in report.findings.items():
        assert finding.found and "itself failed" not in finding.found, (name, finding)
        assert bool(finding.remedy) or finding.status is not Status.FAILS, (name, finding)
        assert "\n" not in finding.found + finding.remedy
    text = json.dumps(report.document)
    for secret in report.examination.secrets:
        assert secret.strip() not in text
    return report


def failing(report: Report) -> tuple[str, Finding]:
    """The one check that fails, and its finding."""
    assert len(report.failed) == 1, {name: report.findings[name] for name in report.failed}
    (name,) = report.failed
    return name, report.findings[name]
