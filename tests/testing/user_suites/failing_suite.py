"""A user's tests that fail; `test_pytest_plugin.py` reads what is said about them."""

from __future__ import annotations

import contextlib
import urllib.error

import pytest
from app_under_test import ask


def test_a_wrong_expectation(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.fail(status=429, retry_after=7)
    with contextlib.suppress(urllib.error.HTTPError):
        ask("Hello")
    assert ask("Hello", temperature=0.5) == "Good day"


def bear(prompt):
    with contextlib.suppress(urllib.error.HTTPError):
        ask(prompt)


def test_an_unexpected_prompt_that_the_app_bears(azure_endpoint):
    azure_endpoint.answer("How many languages are there?", "7,000")
    bear("How many languages are here?")


def test_an_unexpected_prompt_before_another_kind(azure_endpoint):
    bear("Asked of serverless")
    azure_endpoint.as_kind("managed")


@pytest.fixture
def greeted(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi from a fixture")
    assert ask("Hello") == "Good day"


def test_a_fixture_that_fails(greeted):
    pass


@pytest.fixture
def asked_at_the_end(azure_endpoint):
    yield
    bear("Asked at the end")


def test_an_unexpected_prompt_at_the_end(asked_at_the_end):
    pass


@pytest.mark.xfail(raises=urllib.error.HTTPError)
def test_an_unexpected_prompt_that_fails_as_expected(azure_endpoint):
    ask("Expected to fail")


def test_messages_that_are_none(azure_endpoint):
    with pytest.raises(urllib.error.HTTPError):
        ask("Hello", messages="none at all")
    raise AssertionError("messages")


def test_an_endpoint_that_has_ended(azure_endpoint):
    process = azure_endpoint._process.started.process
    process.kill()
    process.wait()


def test_the_session_goes_on(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    assert ask("Hello") == "Hi"
