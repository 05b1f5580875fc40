"""A user's tests that fail; `test_pytest_plugin.py` reads what is said about them."""

from __future__ import annotations

import contextlib
import urllib.error

from app_under_test import ask


def test_a_wrong_expectation(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.fail(status=429, retry_after=7)
    with contextlib.suppress(urllib.error.HTTPError):
        ask("Hello")
    assert ask("Hello", temperature=0.5) == "Good day"


def test_an_unexpected_prompt_that_the_app_bears(azure_endpoint):
    azure_endpoint.answer("How many languages are there?", "7,000")
    with contextlib.suppress(urllib.error.HTTPError):
        ask("How many languages are here?")
