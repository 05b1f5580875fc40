"""The report: as a table of 80 columns, as JSON, and never with a credential."""

from __future__ import annotations

import io
import json

from rich.console import Console

from mistral_on_azure.doctor.examination import Examination, Status
from mistral_on_azure.doctor.report import CHECKS, Report, show


def shown(url: str, key: str, **console: object) -> tuple[Report, str]:
    """The report and what its user sees."""
    text = io.StringIO()
    report = Report("a test's endpoint", Examination(url, credential=key, timeout=30.0))
    show(Console(file=text, highlight=False, **{"width": 80, **console}), report)
    return report, text.getvalue()


def test_the_table(local):
    report, text = shown(local.url, local.key)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80 and not report.failed
    assert any(line.startswith("ok       access            the key is accepted") for line in lines)
    assert any(line.startswith(" " * 27 + "→ Ask for JSON in the prompt") for line in lines)
    e = report.examination
    assert f"Nothing fails. It took {e.calls} calls, {e.prompt_tokens + e.completion_tokens} tokens" in text
    assert 15 <= e.calls <= 25 and e.prompt_tokens + e.completion_tokens <= 400


def test_what_was_used_is_counted(local):
    """The local endpoint counts as well."""
    from mistral_on_azure.azure import http

    report, _ = shown(local.url, local.key)
    spent = http.request("GET", f"{local.url}/local/session", local.key).json()
    e = report.examination
    assert (e.prompt_tokens, e.completion_tokens) == (spent["prompt_tokens"], spent["completion_tokens"])
    assert e.calls == spent["calls"] + 1  # the one without a credential is nobody's


def test_what_fails_is_marked_in_words_and_colour(local):
    report, text = shown(local.url, "f" * 32, force_terminal=True, color_system="standard")
    assert "\x1b[1;31mfails " in text and "skipped" in text and "f" * 32 not in text and report.failed
    assert f"{len(CHECKS) - 12} checks wait until that is corrected" in text
    assert "One thing fails: access." in text


def test_the_document(local):
    report, _ = shown(f"{local.url}/score", local.key + "\n")
    document = json.loads(json.dumps(report.document))
    assert [check["check"] for check in document["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in document["checks"]} <= set(map(str, Status))
    assert document["endpoint"] == local.url and document["passed"] is False
    assert local.key not in json.dumps(document) and local.key not in repr(report)
