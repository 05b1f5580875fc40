"""A Foundry resource: deployments by name on two routes, JSON mode and tools where they are listed, its own errors."""

from __future__ import annotations

import json

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import sold_deployments
from mistral_on_azure.catalog.models import models
from mistral_on_azure.endpoint.starting import start

AZURE, OPENAI = "/models/chat/completions?api-version=2024-05-01-preview", "/openai/v1/chat/completions"
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def resource():
    with start(kind="foundry") as endpoint:
        yield endpoint


def ask(resource, path: str, **body):
    return http.request("POST", resource.url + path, resource.keys[0], {"messages": HELLO, **body})


@pytest.mark.parametrize("path", [AZURE, OPENAI])
@pytest.mark.parametrize("name", sold_deployments())
def test_every_deployment_answers_by_its_name(resource, path, name):
    answer = ask(resource, path, model=name, max_tokens=4)
    assert answer.status == 200
    assert answer.json()["model"] == name
    assert answer.json()["usage"]["completion_tokens"] == 4
    assert answer.headers["x-ratelimit-limit-tokens"] == "400000"


@pytest.mark.parametrize("path", [AZURE, OPENAI])
def test_no_name_and_an_unknown_name_are_refused(resource, path):
    assert (ask(resource, path).status, ask(resource, path).json()["error"]["code"]) == (400, "no_model_name")
    unknown = ask(resource, path, model="mistralai-Mistral-7B-Instruct-v01")
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "DeploymentNotFound")


def test_json_mode_is_there_where_the_capability_page_lists_it(resource):
    for name, deployment in sold_deployments().items():
        answer = ask(resource, OPENAI, model=name, response_format={"type": "json_object"})
        assert answer.status == (200 if deployment.json else 422)
        if deployment.json:
            assert json.loads(answer.json()["choices"][0]["message"]["content"])


def test_extras_are_refused_on_models_and_taken_on_openai(resource):
    assert ask(resource, AZURE, model="Ministral-3B", logprobs=True).status == 400
    assert ask(resource, OPENAI, model="Ministral-3B", logprobs=True).status == 200


def test_there_is_no_info_and_nothing_at_the_other_kinds_paths(resource):
    for path in ("/info", "/models/info", "/chat/completions", "/v1/chat/completions", "/score"):
        answer = http.request("GET", resource.url + path, resource.keys[0])
        assert answer.status in (404, 405)
        assert answer.json()["error"]["message"]


def test_a_wrong_key_is_denied_in_the_resources_words(resource):
    answer = http.request("POST", resource.url + OPENAI, "x" * 84, {"messages": HELLO})
    assert (answer.status, answer.json()["error"]["code"]) == (401, "401")
    assert "Access denied" in answer.message


def test_the_deprecated_route_can_be_gone():
    with start(kind="foundry", without_models=True) as resource:
        assert ask(resource, AZURE, model="Ministral-3B").status == 404
        assert ask(resource, OPENAI, model="Ministral-3B").status == 200


def test_what_is_served_is_what_the_table_of_models_says():
    for name, deployment in sold_deployments().items():
        row = models()[name]
        assert row.foundry[0].value == "offered"
        assert (row.tools[0].value == "yes") is deployment.tools
        assert ("JSON" in row.json[0].value) is deployment.json
        assert f"{deployment.context:,}" in row.context[0].value
