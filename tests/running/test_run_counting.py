"""Counting what a notebook sent to the local endpoint."""

from __future__ import annotations

from mistral_on_azure.azure import http
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running import targets


def test_whole_answers_and_streams_are_counted(local):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    whole = http.request("POST", f"{local.url}/chat/completions", local.key, body).json()["usage"]
    http.request("POST", f"{local.url}/chat/completions", local.key, {**body, "stream": True})
    http.request("GET", f"{local.url}/info", local.key)
    expected = Usage(3, 2 * whole["prompt_tokens"], 2 * whole["completion_tokens"])
    assert targets.of_session(local.url, local.key) == expected


def test_an_endpoint_that_is_gone_is_not_counted():
    assert targets.of_session("http://127.0.0.1:9", "k") is None
