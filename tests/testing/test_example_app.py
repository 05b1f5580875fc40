"""An example app's own tests, with each of the six clients that it can be run with."""

from __future__ import annotations

import re

import pytest
from running_suites import HERE, run_suite

APP = HERE / "example_app"
CLIENTS = ("webrequests", "azure_sdk", "openai_sdk", "langchain", "mistralai", "litellm")


@pytest.mark.parametrize("client", [CLIENTS[0], *(pytest.param(each, marks=pytest.mark.all) for each in CLIENTS[1:])])
def test_the_apps_tests_pass(client):
    said = run_suite(APP / "app_suite.py", TRIAGE_CLIENT=client, LITELLM_LOCAL_MODEL_COST_MAP="True")
    assert re.search(r"^9 passed in ", said, re.MULTILINE), said


def test_an_app_that_gives_up_at_once_is_found_out(tmp_path):
    """The tests can fail: an app that asks no second time loses its ticket to a busy service."""
    for file in APP.glob("*.py"):
        text = file.read_text(encoding="utf-8").replace("AGAIN, TIMEOUT = 2,", "AGAIN, TIMEOUT = 0,")
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    said = run_suite(tmp_path / "app_suite.py", TRIAGE_CLIENT="webrequests")
    assert "1 failed, 8 passed" in said and "test_a_busy_service_is_asked_again" in said, said
    assert "POST /chat/completions -> 429" in said
