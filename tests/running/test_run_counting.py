"""Counting what a notebook sent to the local endpoint."""

from __future__ import annotations

import json

import pytest

from helpers import http
from helpers.running import counting
from helpers.running.usage import Usage

USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_whole_answers_and_streams_are_counted(local):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    whole = http.request("POST", f"{local.url}/chat/completions", local.key, body).json()["usage"]
    http.request("POST", f"{local.url}/chat/completions", local.key, {**body, "stream": True})
    http.request("GET", f"{local.url}/info", local.key)
    expected = Usage(3, 2 * whole["prompt_tokens"], 2 * whole["completion_tokens"])
    assert counting.of_session(local.url, local.key) == expected


def test_the_endpoints_own_counters_are_believed(monkeypatch):
    told = json.dumps({"calls": 99, "prompt_tokens": 7, "completion_tokens": 8})
    monkeypatch.setattr(http, "request", lambda *_: http.Response(200, {}, told))
    assert counting.of_session("http://x", "k") == Usage(99, 7, 8)


def test_an_endpoint_that_is_gone_is_not_counted():
    assert counting.of_session("http://127.0.0.1:9", "k") is None


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (json.dumps({"usage": USAGE}), USAGE),
        (f"data: {json.dumps({'usage': None})}\n\ndata: {json.dumps({'usage': USAGE})}\n\ndata: [DONE]\n\n", USAGE),
        ("data: {broken\n\n", None),
        ("[]", None),
        ("", None),
    ],
)
def test_the_usage_in_an_answer(body, usage):
    assert counting.usage_in(body) == usage
