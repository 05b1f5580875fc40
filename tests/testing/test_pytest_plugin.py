"""The fixture `azure_endpoint` in suites as users write them, beside this file."""

from __future__ import annotations

import re

import pytest
from running_suites import HERE, run_suite

SUITES = HERE / "user_suites"


def test_a_users_tests_pass():
    said = run_suite(SUITES / "passing_suite.py", AZURE_INFERENCE_ENDPOINT="https://example.org", NO_PROXY="")
    assert re.search(r"^20 passed in ", said, re.MULTILINE), said


@pytest.mark.all
def test_workers_of_xdist_do_not_meet():
    said = run_suite(SUITES / "parallel_suite.py", "-n", "2")
    assert re.search(r"^12 passed in ", said, re.MULTILINE), said


@pytest.fixture(scope="module")
def failures() -> str:
    said = run_suite(SUITES / "failing_suite.py")
    assert "1 failed, 1 passed, 1 error in " in said, said
    return said


def test_a_failure_shows_the_exchanges(failures):
    shown = failures.partition("What azure_endpoint was sent, and what it answered")[2]
    lines = [line.strip() for line in shown.splitlines()]
    assert "POST /chat/completions -> 429, retry-after: 7  (Fault: status 429.)" in lines and "user: Hello" in lines
    assert "temperature=0.5" in lines and "answer: Hi  (4 + 1 tokens)" in lines
    assert any(line.startswith("rate_limit_exceeded: The rate limit of this deployment") for line in lines)


def test_an_unexpected_prompt_fails_a_test_and_names_the_nearest_answer(failures):
    assert "The script has no answer to the prompt 'How many languages are here?'" in failures
    assert "The nearest entry is in this session's script" in failures and "'How many languages are there?'" in failures


def test_a_report_has_no_credential(failures):
    assert not re.search(r"Bearer (?!\*)|\b[0-9a-f]{32}\b", failures)
