"""The credential: its shape, and what an endpoint says to it."""

from __future__ import annotations

import pytest
from examining import examine, failing
from openai_engine import Engine

from mistral_on_azure.doctor.examination import Answer, Examination, Status
from mistral_on_azure.doctor.failures import explain_refusal
from servers import Asked, Reply, serving


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("", "\n", "begins or ends with a space or line break"),
        (" ", "", "begins or ends with a space or line break"),
        ("'", "'", "has quotation marks around it"),
        ("Bearer ", "", "begins with 'Bearer'"),
    ],
)
def test_what_was_pasted_badly_is_put_right(local, before, after, why):
    report = examine(local.url, f"{before}{local.key}{after}")
    name, finding = failing(report)
    assert name == "credential" and why in finding.found and "The checks below use it without that" in finding.remedy
    assert report.findings["access"].status is Status.OK


def test_a_key_that_was_pasted_twice(local):
    report = examine(local.url, local.key * 2)
    name, finding = failing(report)
    assert name == "credential" and "the same text twice" in finding.found
    assert report.findings["access"].status is Status.OK


@pytest.mark.parametrize(
    ("key", "why", "remedy"),
    [
        ("", "is empty", "unset it to use Entra ID"),
        ("a b", "holds a space", "Copy it again"),
        ("ü" * 9, "no key", "Copy"),
    ],
)
def test_what_cannot_be_a_key(local, key, why, remedy):
    report = examine(local.url, key)
    name, finding = failing(report)
    assert name == "credential" and why in finding.found and remedy in finding.remedy
    assert report.findings["HTTP"].status is Status.OK and report.findings["access"].waits_for == "credential"


def test_the_length_of_azures_keys():
    report = examine("https://no-such-host.eastus2.inference.ml.azure.invalid".replace(".invalid", ".com"), "k" * 31)
    finding = report.findings["credential"]
    assert finding.status is Status.NOTE and "31 characters; Azure's have 32 or 84" in finding.found and finding.remedy


def test_a_key_that_is_refused(local):
    name, finding = failing(examine(local.url, "f" * 32))
    assert name == "access" and "401: The key was refused" in finding.found
    assert finding.remedy == "Set AZURE_INFERENCE_CREDENTIAL to the key that the server was started with."


def test_a_key_that_azure_refuses():
    e = Examination("", url="https://host.eastus2.inference.ml.azure.com", bearer="k" * 32)
    finding = explain_refusal(Answer(401, {}, '{"message": "Access denied."}'), "GET /info", e)
    assert finding.found == "GET /info was answered 401: Access denied."
    assert "the key of another one is refused alike" in finding.remedy and "az login" in finding.remedy


def test_an_engine_that_sends_the_key_back_does_not_get_it_printed():
    with serving(Engine("another-key-that-is-right")) as url:
        report = examine(url, "a-secret-key-that-is-wrong")
    name, finding = failing(report)
    assert name == "access" and "Wrong key: Bearer ***" in finding.found


@pytest.mark.parametrize("before", range(120, 160, 5))
def test_no_part_of_a_key_is_printed_where_a_long_message_is_cut(before):
    key = "0123456789abcdefghijklmnopqrstuv"  # pragma: allowlist secret

    def echo(asked: Asked) -> Reply:
        return Reply({"message": "x" * before + asked.headers.get("authorization", "")}, 401)

    with serving(echo) as url:
        _, finding = failing(examine(url, key))
    assert "xxx" in finding.found and key[:4] not in finding.found


def test_a_key_that_is_wanted_in_another_header():
    engine, let_in = Engine(), []

    def gateway(asked: Asked) -> Reply:
        if asked.headers.get("api-key") != "k" * 32:
            return Reply({"message": "Access denied."}, 401)
        let_in.append(f"{asked.method} {asked.path}")
        return engine(asked)

    with serving(gateway) as url:
        report = examine(url, "k" * 32)
    assert not report.failed and report.findings["round trip"].status is Status.OK
    finding = report.findings["access"]
    assert finding.status is Status.NOTE and "in the header api-key" in finding.found
    assert "default_headers" in finding.remedy and let_in.count("GET /info") == 1


def test_an_endpoint_that_lets_anybody_in():
    with serving(Engine()) as url:
        report = examine(url, "whatever-it-is")
    finding = report.findings["access"]
    assert finding.status is Status.NOTE and "/v1/models answers without any credential" in finding.found
