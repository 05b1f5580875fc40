"""Four deployments behind one endpoint: which one answers, and what each of them can take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from asking import CHAT_ROUTES, EXPERTS, LARGE, MODELS, OPENAI, PROMPT, SECOND, SMALL, chat, get, new_application, send
from tool_requests import WEATHER

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.deployments import default_name, deployments
from mistral_on_azure.endpoint.gateway.serverless import Serverless
from mistral_on_azure.endpoint.models.tokens import count_prompt

ALL = list(deployments())
HEADER = "azureml-model-deployment"


def answering(path: str = OPENAI, header: str | None = None, **parameters) -> str:
    return chat(path=path, headers={HEADER: header} if header is not None else {}, **parameters).json["model"]


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("name", ALL)
def test_named_in_the_header_or_in_the_body(path, name):
    assert answering(path, header=name) == answering(path, model=name) == name
    assert {chunk["model"] for chunk in chat(path=path, model=name, stream=True).chunks} == {name}


def test_the_header_goes_before_the_body():
    assert answering(header=LARGE, model=SECOND) == LARGE


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("model", [None, "", "azureai"])
def test_no_model_named(path, model):
    """MistralAzure sends "azureai" for a caller who names none."""
    assert answering(path, model=model) == answering(path) == answering(path, header="") == default_name() == SMALL


def test_azureai_is_nobody_in_a_header():
    assert chat(headers={HEADER: "azureai"}).status == 404


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("name", ["mistral-tiny", "MISTRALAI-MISTRAL-7B-INSTRUCT-V01", " ", f"{SMALL} "])
def test_a_deployment_that_is_not_there(path, name):
    strict = new_application(kind=Serverless(strict_model=True))
    for asked in ({"headers": {HEADER: name}}, {"model": name, "application": strict}):
        got = chat(path=path, **asked)
        assert (got.status, got.code, got.json["param"]) == (404, "deployment_not_found", "model")
        assert all(known in got.message for known in ALL)


@pytest.mark.parametrize("name", ALL)
def test_info_is_of_the_deployment(name):
    assert get("/info", {HEADER: name}).json["model_name"] == name


def test_a_session_serves_the_deployment_it_chose():
    application = new_application()
    chosen = send("POST", "/local/session", json.dumps({"deployment": EXPERTS}).encode(), application=application)
    assert chosen.status == 200
    assert chat(application=application).json["model"] == EXPERTS
    assert chat(application=application, model="azureai", path=MODELS).json["model"] == EXPERTS
    assert chat(application=application, model=LARGE).json["model"] == LARGE
    assert get("/info", application=application).json["model_name"] == EXPERTS
    assert send("POST", "/local/session", b"{}", application=application).status == 200
    assert chat(application=application).json["model"] == SMALL


@pytest.mark.parametrize("name", ALL)
def test_an_endpoint_has_a_default(name):
    application = new_application(default=name)
    assert (
        chat(application=application).json["model"] == get("/info", application=application).json["model_name"] == name
    )
    assert chat(application=application, model=SECOND).json["model"] == SECOND


def test_serve_deployment_makes_one_the_default():
    key, command = "k" * 32, Path(sys.executable).with_name("cookbook")
    process = subprocess.Popen(
        [command, "serve", "--deployment", LARGE],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, CREDENTIAL: key},
    )
    try:
        url = next(line for line in process.stdout if line.startswith(ENDPOINT)).strip().partition("=")[2]
        question = {"messages": [{"role": "user", "content": PROMPT}]}
        for path in CHAT_ROUTES:
            assert http.request("POST", f"{url}{path}", key, question).json()["model"] == LARGE
            named = http.request("POST", f"{url}{path}", key, {**question, "model": SECOND}).json()
            assert named["model"] == SECOND
        assert http.request("GET", f"{url}/info", key).json()["model_name"] == LARGE
        assert {model["id"] for model in http.request("GET", f"{url}/v1/models", key).json()["data"]} == set(ALL)
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("name", ALL)
def test_the_context_holds_the_prompt_and_the_completion(path, name):
    context, prompt = deployments()[name].context, count_prompt([("user", PROMPT)])
    assert chat(path=path, model=name, max_tokens=context - prompt).status == 200
    got = chat(path=path, model=name, max_tokens=context - prompt + 1)
    assert (got.status, got.code, got.json["param"]) == (400, "context_length_exceeded", "messages")
    assert got.message == (
        f"This model's maximum context length is {context} tokens. However, you requested {context + 1} tokens "
        f"({prompt} in the messages, {context - prompt + 1} in the completion). Please reduce the length of the "
        "messages or completion."
    )


def prompt_of(tokens: int) -> str:
    """A prompt that is so many tokens with its markers; each word is one token."""
    return " ".join(["word"] * (tokens - 3))


@pytest.mark.parametrize("name", ALL)
def test_an_answer_ends_where_the_context_does(name):
    context = deployments()[name].context
    too_long = chat(prompt_of(context), model=name)
    assert too_long.code == "context_length_exceeded"
    assert too_long.message == (
        f"This model's maximum context length is {context} tokens. However, you requested {context} tokens in the "
        "messages, Please reduce the length of the messages."
    )
    got = chat(prompt_of(context - 5), model=name)
    assert got.usage == (context - 5, 5, context)
    assert got.json["choices"][0]["finish_reason"] == "length"
    streamed = chat(prompt_of(context - 5), model=name, stream=True).chunks
    assert streamed[-1]["usage"]["total_tokens"] == context


def test_clients_list_the_models(local):
    """Mistral's own client wants to know of each what it is and what it can do."""
    from mistralai.client import Mistral
    from openai import OpenAI

    with Mistral(server_url=local.url, api_key=local.key) as mistral:
        cards = {card.id: card for card in mistral.models.list().data}
    with OpenAI(base_url=f"{local.url}/v1", api_key=local.key) as client:
        assert [model.id for model in client.models.list()] == list(cards) == ALL
    for name, card in cards.items():
        about = deployments()[name]
        assert card.capabilities.completion_chat and card.capabilities.function_calling == about.tools
        assert card.max_context_length == about.context


def test_contexts_and_abilities_differ():
    assert {name: deployments()[name].context for name in (SMALL, SECOND, EXPERTS, LARGE)} == {
        SMALL: 8192,
        SECOND: 32768,
        EXPERTS: 32768,
        LARGE: 65536,
    }
    for name in ALL:
        got = chat("Weather in Paris?", model=name, tools=[WEATHER])
        assert got.status == (200 if name == LARGE else 422)
        if name != LARGE:
            assert got.message == f"{name} cannot call tools."
