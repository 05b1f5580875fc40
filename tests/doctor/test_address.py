"""The address: what is misspelt is named, put right, and looked on with."""

from __future__ import annotations

import pytest
from examining import NOTHING_LISTENS, examine, failing

from mistral_on_azure.doctor.examination import Status


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("", "/score", "ends in /score"),
        ("", "/v1", "ends in /v1"),
        ("", "/models", "ends in /models"),
        ("", "/v1/chat/completions", "ends in /v1/chat/completions"),
        ("", "/", "ends in a slash"),
        (" ", "\n", "has spaces or a line break around it"),
        ('"', '"', "has quotation marks around it"),
        ("", "/chat/completions?api-version=2024-05-01-preview", "has a query or fragment"),
    ],
)
def test_what_is_misspelt_is_put_right(local, before, after, why):
    report = examine(f"{before}{local.url}{after}", local.key)
    name, finding = failing(report)
    assert name == "address" and f"--endpoint {why}" in finding.found
    assert finding.remedy == f"Set it to {local.url} (the checks below use that)."
    assert report.findings["round trip"].status is Status.OK


def test_several_mistakes_are_told_at_once(local):
    name, finding = failing(examine(f'"{local.url.removeprefix("http://")}/v1/" ', local.key))
    assert name == "address" and f"Set it to {local.url} " in finding.remedy
    for why in ("spaces", "quotation marks", "no scheme", "ends in /v1"):
        assert why in finding.found


def test_plain_http_to_another_machine_is_not_spoken():
    report = examine("http://no-such-host.invalid:8000", "k" * 32)
    assert report.failed == ["address", "DNS"]
    assert "would show your key to the network" in report.findings["address"].found
    assert report.examination.url == "https://no-such-host.invalid:8000" and report.examination.calls == 0


@pytest.mark.parametrize(
    ("url", "why", "remedy"),
    [
        ("", "--endpoint is empty", "It looks like https://"),
        ("ftp://host.example", "is no web address", "It looks like https://"),
        ("https://host.example:99999", "is no web address", "It looks like https://"),
        ("https://your-host-name.eastus2.inference.ai.azure.com", "is the example's address", "target URI"),
    ],
)
def test_what_cannot_be_put_right_ends_the_examination(url, why, remedy):
    report = examine(url, "k" * 32)
    name, finding = failing(report)
    assert name == "address" and why in finding.found and remedy in finding.remedy
    assert report.findings["HTTP"].waits_for == "address" and report.examination.calls == 0


def test_variables_that_were_swapped_are_not_printed():
    key = "0123456789abcdef" * 2
    report = examine(key, NOTHING_LISTENS)
    assert report.failed == ["address", "credential"]
    assert "looks like a key" in report.findings["address"].found
    assert "is an address" in report.findings["credential"].found
    assert key not in str(report.document) and "AZURE_INFERENCE_CREDENTIAL" in report.findings["address"].remedy


def test_a_password_in_the_address_is_not_printed(local):
    report = examine(local.url.replace("http://", "http://user:pass-word@"), local.key)  # pragma: allowlist secret
    name, finding = failing(report)
    assert name == "address" and "user name or password" in finding.found
    assert "pass-word" not in str(report.document) and report.examination.url == local.url
