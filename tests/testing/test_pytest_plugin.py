"""The fixture `azure_endpoint` in suites as users write them, beside this file."""

from __future__ import annotations

import re

import pytest
from running_suites import HERE, run_suite

SUITES = HERE / "user_suites"


def test_a_users_tests_pass():
    said = run_suite(SUITES / "passing_suite.py", AZURE_INFERENCE_ENDPOINT="https://example.org", NO_PROXY="")
    assert re.search(r"^34 passed in ", said, re.MULTILINE), said


@pytest.mark.all
def test_workers_of_xdist_do_not_meet():
    said = run_suite(SUITES / "parallel_suite.py", "-n", "2")
    assert re.search(r"^12 passed in ", said, re.MULTILINE), said


@pytest.fixture(scope="module")
def failures() -> str:
    said = run_suite(SUITES / "failing_suite.py")
    assert re.search(r"^FFFE\.ExFF\. ", said, re.MULTILINE), said
    assert "5 failed, 2 passed, 1 xfailed, 2 errors in " in said, said
    return said


def test_the_report_on_the_page_is_what_pytest_prints(tmp_path):
    page = (SUITES.parents[2] / "helpers/mistral_on_azure/testing/README.md").read_text(encoding="utf-8")
    (report,) = re.findall(r"```text\n(-.*?)```", page, re.DOTALL)
    (tmp_path / "suite.py").write_text(_GREETED, encoding="utf-8")
    assert report in run_suite(tmp_path / "suite.py")


_GREETED = """
import os, requests

def test_it_greets(azure_endpoint):
    azure_endpoint.answer("Help", "Hi")
    key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
    url = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/chat/completions"
    asked = {"messages": [{"role": "user", "content": "Hello"}]}
    requests.post(url, json=asked, headers={"Authorization": f"Bearer {key}"}).raise_for_status()
"""


def test_a_failure_shows_the_exchanges(failures):
    shown = failures.partition("What azure_endpoint was sent, and what it answered")[2]
    lines = [line.strip() for line in shown.splitlines()]
    assert "POST /chat/completions -> 429, retry-after: 7  (Fault: status 429.)" in lines and "user: Hello" in lines
    assert "temperature=0.5" in lines and "answer: Hi  (4 + 1 tokens)" in lines
    assert any(line.startswith("rate_limit_exceeded: The rate limit of this deployment") for line in lines)


def test_an_unexpected_prompt_fails_a_test_and_names_the_nearest_answer(failures):
    assert "The script has no answer to the prompt 'How many languages are here?'" in failures
    assert "The nearest entry is in this session's script" in failures and "'How many languages are there?'" in failures


@pytest.mark.parametrize("prompt", ["How many languages are here?", "Asked of serverless", "Asked at the end"])
def test_a_refusal_is_told_once_and_with_its_exchange(failures, prompt):
    assert len(re.findall(rf"^(?:E +Failed: )?The script has no answer to the prompt '{prompt}", failures, re.M)) == 1
    assert f"  user: {prompt}\n" in failures


def test_a_fixture_that_fails_shows_the_exchanges(failures):
    assert "ERROR at setup of test_a_fixture_that_fails" in failures and "answer: Hi from a fixture" in failures


def test_an_endpoint_that_has_ended_is_a_line_and_no_end_of_the_session(failures):
    assert "The local endpoint does not answer: ConnectionRefusedError" in failures and "INTERNALERROR" not in failures


def test_a_report_has_no_credential(failures):
    assert not re.search(r"Bearer (?!\*)|\b[0-9a-f]{32}\b", failures)
