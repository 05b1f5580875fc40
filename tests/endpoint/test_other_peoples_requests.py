"""Requests as published samples and other services' clients send them: what is taken, and what the engine refuses."""

from __future__ import annotations

import json

import pytest
from asking import AZURE, CHAT_ROUTES, KEY, LARGE, MODELS, QUESTION, SMALL, chat, get, new_application, send
from tool_requests import WEATHER

from mistral_on_azure.endpoint.gateway.serverless import Serverless
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server_process import make

STRICT = new_application(kind=Serverless(strict_model=True))


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("parameters", "param", "message"),
    [
        ({"n": 2, "temperature": 0}, "n", "n must be 1 when using greedy sampling, got 2."),
        ({"n": 3, "temperature": 0.0}, "n", "n must be 1 when using greedy sampling, got 3."),
        ({"tool_choice": "auto"}, "tool_choice", "When using `tool_choice`, `tools` must be set."),
        ({"tool_choice": "any"}, "tool_choice", "When using `tool_choice`, `tools` must be set."),
        ({"stop": [""]}, "stop", "stop cannot contain an empty string."),
        ({"stop": ""}, "stop", "stop cannot contain an empty string."),
        ({"stop": ["a", ""]}, "stop", "stop cannot contain an empty string."),
        (
            {"logit_bias": {"5": 1, "32768": -1, "99999": 2}},
            "logit_bias",
            "token_id(s) [32768, 99999] in logit_bias contain out-of-vocab token ids. Vocabulary size: 32768 "
            "(parameter=logit_bias, value=[32768, 99999])",
        ),
        (
            {"logit_bias": {"-1": 1}},
            "logit_bias",
            "token_id(s) [-1] in logit_bias contain out-of-vocab token ids. Vocabulary size: 32768 "
            "(parameter=logit_bias, value=[-1])",
        ),
    ],
)
def test_what_the_engine_refuses_is_refused_in_its_words(path, parameters, param, message):
    got = chat(path=path, headers={"extra-parameters": "pass-through"}, **parameters)
    assert (got.status, got.json["param"], got.message) == (400, param, message)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n": 1, "temperature": 0},
        {"n": 2, "temperature": 0.1},
        {"tool_choice": "none"},
        {"tool_choice": "auto", "tools": [WEATHER]},
        {"logit_bias": {"32767": 1}},
    ],
)
def test_what_is_beside_it_is_taken(parameters):
    assert chat(model=LARGE, **parameters).status == 200


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": []}])
def test_no_messages(body):
    for path in CHAT_ROUTES:
        got = send("POST", path, json.dumps(body).encode())
        assert (got.status, got.code, got.json["detail"]["loc"]) == (
            422,
            "parameter_not_supported",
            ["body", "messages"],
        )


@pytest.mark.parametrize("text", ["True", "true", "False", "false"])
def test_stream_as_a_text(text):
    got = chat(stream=text)
    assert got.headers["content-type"] == ("text/event-stream" if text.lower() == "true" else "application/json")


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("model", ["gpt-3.5-turbo", "my-endpoint", " ", SMALL.upper()])
def test_a_model_that_is_no_deployment(path, model):
    """An endpoint of one model answers whatever name a request has; strictness is an option."""
    assert chat(path=path, model=model).json["model"] == SMALL
    refused = chat(path=path, model=model, application=STRICT)
    assert (refused.status, refused.code) == (404, "deployment_not_found")
    assert chat(path=path, model=LARGE).json["model"] == chat(path=path, model=LARGE, application=STRICT).json["model"]


def test_a_model_that_is_no_deployment_is_answered_by_what_the_session_serves():
    application = new_application(default=LARGE)
    assert chat(model="gpt-3.5-turbo", application=application).json["model"] == LARGE


@pytest.mark.parametrize("strict", [False, True])
def test_strictness_is_an_option_of_serve(strict):
    server = make([KEY], Options(strict_model=strict))
    try:
        assert server.application.kind.strict_model is strict
    finally:
        server.socket.close()


@pytest.mark.parametrize("path", [*CHAT_ROUTES, "/info", "/v1/models"])
def test_a_key_without_bearer(path):
    method, body = ("POST", json.dumps({"messages": QUESTION}).encode()) if path in CHAT_ROUTES else ("GET", b"")
    assert send(method, path, body, {"authorization": KEY}).status == 200
    refused = send(method, path, body, {"authorization": "another"})
    assert refused.status == 401 and "The key was refused" in refused.message
    for header in ("Basic abc", "bearer", "Bearer ", "", "eyJ.eyJ.abc"):
        assert send(method, path, body, {"authorization": header}).status == 401, header


def test_one_model_of_the_list():
    for card in get("/v1/models").json["data"]:
        assert get(f"/v1/models/{card['id']}").json == card
    unknown = get("/v1/models/gpt-3.5-turbo")
    assert (unknown.status, unknown.code) == (404, "deployment_not_found") and SMALL in unknown.message
    assert get("/v1/models/").status == 404
    assert send("POST", f"/v1/models/{SMALL}").status == 405


@pytest.mark.parametrize("version", ["2024-05-01-preview", "2025-04-01"])
def test_api_versions(version):
    for path in (AZURE, MODELS):
        assert chat(path=f"{path}?api-version={version}").status == 200
    assert get("/info?api-version=2023-01-01").status == 400


def test_the_responses_api_is_told_what_to_use():
    got = send("POST", "/v1/responses", b"{}")
    assert got.status == 404 and "client.chat.completions" in got.message


def test_the_last_delta_of_tool_calls_is_empty():
    asked = {"model": LARGE, "tools": [WEATHER], "tool_choice": "any", "stream": True}
    *_, last = chat("Weather in Paris?", **asked).chunks
    assert last["choices"][0]["delta"] == {} and last["choices"][0]["finish_reason"] == "tool_calls"
    *_, last = chat(stream=True).chunks
    assert last["choices"][0]["delta"] == {"content": ""}
