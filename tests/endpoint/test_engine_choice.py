"""An engine is chosen at the start: what is refused in one line, and that the embedded model answers."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from asking import LARGE
from plain_engine import Engine
from tool_requests import WEATHER

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.endpoint.models.engine import choose
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("engine_url", "said"),
    [
        ("localhost:1", "--engine is 'localhost:1'; it must be 'embedded' or an address like http://localhost:11434."),
        ("http://127.0.0.1:9/v1/", "Nothing answers at http://127.0.0.1:9 (Connection refused). Check --engine and"),
        ("http://127.0.0.1:no", "Nothing answers at http://127.0.0.1:no (ValueError). Check --engine"),
        ("http://[", "Nothing answers at http://[ (ValueError). Check --engine"),
        (
            "me:word@127.0.0.1:9",
            "--engine holds a user name or password. Put the key into COOKBOOK_ENGINE_KEY instead.",
        ),
        (
            "http://me@127.0.0.1:9",
            "--engine holds a user name or password. Put the key into COOKBOOK_ENGINE_KEY instead.",
        ),
    ],
)
def test_an_engine_that_is_not_there(engine_url, said, capfd):
    with pytest.raises(CookbookError) as caught:
        start(engine=engine_url)
    message = str(caught.value)
    assert message.startswith(said) and "\n" not in message and ENDPOINT not in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("status", "listed", "said"),
    [
        (401, {"error": {"message": "no key"}}, "wants a key (401): no key Set COOKBOOK_ENGINE_KEY to it."),
        (404, {}, "is no OpenAI-compatible server: its /v1/models answered 404. Check --engine."),
        (200, ["tiny"], "is no OpenAI-compatible server: its /v1/models answered 200. Check --engine."),
        (200, {"data": []}, "serves no model. Load one there."),
        (200, {"data": ["tiny"]}, "serves no model. Load one there."),
    ],
)
def test_an_engine_that_lists_no_model(monkeypatch, status, listed, said):
    engine = Engine()
    monkeypatch.setattr(engine, "listed", (status, listed))
    with pytest.raises(CookbookError) as caught:
        choose(engine.url)
    assert str(caught.value) == f"{engine.url} {said}"


@pytest.mark.parametrize(("checkout", "said"), [(True, "`make engine`"), (False, "`cookbook engine`")])
def test_an_engine_that_is_not_installed_is_told_with_the_command_that_is_there(monkeypatch, checkout, said):
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded, "is_checkout", lambda: checkout)
    with pytest.raises(CookbookError, match=said):
        embedded.weights()


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded engine is not installed (make engine)")
def test_the_embedded_model_answers():
    with start(engine="embedded") as real:

        def ask(**more: object) -> http.Response:
            body = {"messages": QUESTION, **more}
            return http.request("POST", f"{real.url}/v1/chat/completions", real.keys[0], body)

        body = ask(max_tokens=8, temperature=0).json()
        again = ask(max_tokens=8, temperature=0).json()
        forced = {"tools": [WEATHER], "tool_choice": "any", "model": LARGE, "stream": True, "max_tokens": 100}
        streamed = ask(**forced, temperature=0).text
    usage = body["usage"]
    assert body["model"] == "SmolLM2-135M-Instruct" and body["choices"][0]["message"]["content"]
    assert (
        usage["completion_tokens"] <= 8 and usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    )
    assert again["choices"] == body["choices"]
    calls = [
        call
        for event in streamed.strip().split("\n\n")[:-1]
        for choice in json.loads(event.removeprefix("data: "))["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert [call["function"]["name"] for call in calls] == ["get_weather"]
    assert isinstance(json.loads(calls[0]["function"]["arguments"])["city"], str)
