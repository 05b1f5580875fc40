"""Addresses as the portal gives them for each kind of deployment, and the kind that an address or an answer tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistral_on_azure.azure.addresses import (
    ENDPOINT,
    OPENAI_ENDPOINT,
    TOKEN_SCOPE,
    Misshapen,
    check_endpoint,
    endpoint_in_variables,
    kind_in,
    variables_of,
)
from mistral_on_azure.azure.deployments import FOUNDRY, MANAGED, SERVERLESS, kind_answered, kind_named
from mistral_on_azure.errors import CookbookError

HEADS = ("Entra ID scope", "Role that may call it")  # of rows
RESOURCE = "https://name.services.ai.azure.com"
HOSTS = {
    "https://name.eastus2.inference.ai.azure.com": None,
    "https://name.eastus2.models.ai.azure.com": None,
    "https://name.eastus2.inference.ml.azure.com": MANAGED,
    RESOURCE: FOUNDRY,
    "https://name.cognitiveservices.azure.com": FOUNDRY,
    "https://name.openai.azure.com": FOUNDRY,
    "http://127.0.0.1:8000": None,
}


@pytest.mark.parametrize(("url", "kind"), HOSTS.items())
def test_the_kind_that_a_host_tells(url, kind):
    assert check_endpoint(url) == url and kind_in(url) is kind


@pytest.mark.parametrize("host", [url for url, kind in HOSTS.items() if kind is FOUNDRY])
@pytest.mark.parametrize("path", ["", "/", "/models", "/models/", "/openai/v1", "/openai/v1/", "/Models", "/OpenAI/v1"])
def test_what_the_portal_shows_of_a_foundry_resource_is_taken(host, path):
    assert check_endpoint(host + path) == host and kind_in(host + path) is FOUNDRY


def test_a_gateway_of_ones_own_with_a_resources_route():
    assert check_endpoint("https://gateway.example/team/openai/v1") == "https://gateway.example/team"
    assert kind_in("https://gateway.example/team/openai/v1") is FOUNDRY
    with pytest.raises(Misshapen, match="no scheme"):
        check_endpoint("gateway.example/openai/v1")


@pytest.mark.parametrize(
    ("url", "why", "instead"),
    [
        (f"{RESOURCE}/models/chat/completions", "ends in /models/chat/completions, which is a route", RESOURCE),
        (f"{RESOURCE}/openai/v1/chat/completions", "which is a route", RESOURCE),
        (f"{RESOURCE}/openai/deployments/d/chat/completions?api-version=1", "has a query", None),
        (f"{RESOURCE}/openai/deployments/d/chat/completions", "which is a route", RESOURCE),
        (f"{RESOURCE}/api/projects/mine", "a project's address", f"{RESOURCE}/models"),
        ("https://name.eastus2.inference.ml.azure.com/score", "/score, which is a route", None),
        ("https://name.eastus2.models.ai.azure.com/v1", "/v1, which is a route", None),
        ("https://name.eastus2.models.ai.azure.com/models", "/models, which is a route", None),
        ("http://name.services.ai.azure.com", "plain http", None),
    ],
)
def test_pasted_routes_are_told(url, why, instead):
    with pytest.raises(Misshapen) as caught:
        check_endpoint(url)
    assert why in str(caught.value)
    assert instead is None or caught.value.instead == instead


def test_the_variables_of_each_kind():
    assert variables_of("https://h.example", MANAGED) == {
        ENDPOINT: "https://h.example",
        OPENAI_ENDPOINT: "https://h.example/v1",
        TOKEN_SCOPE: "https://ml.azure.com/.default",
    }
    assert variables_of(RESOURCE, FOUNDRY) == {
        ENDPOINT: f"{RESOURCE}/models",
        OPENAI_ENDPOINT: f"{RESOURCE}/openai/v1",
        TOKEN_SCOPE: "https://ai.azure.com/.default",
    }


def test_the_pair_of_addresses_tells_a_foundry_resource(monkeypatch):
    base = "http://127.0.0.1:8000"
    for name, value in variables_of(base, FOUNDRY).items():
        monkeypatch.setenv(name, value)
    assert endpoint_in_variables() == (base, FOUNDRY)
    monkeypatch.setenv(OPENAI_ENDPOINT, "http://127.0.0.1:9000/openai/v1")  # of another endpoint
    with pytest.raises(Misshapen, match="/models, which is a route"):
        endpoint_in_variables()
    assert endpoint_in_variables(FOUNDRY) == (base, FOUNDRY)
    for name, value in variables_of(base, SERVERLESS).items():
        monkeypatch.setenv(name, value)
    assert endpoint_in_variables() == (base, None)


def info(model_type: str, provider: str) -> dict[str, str]:
    return {"model_name": "m", "model_type": model_type, "model_provider_name": provider}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (200, {}, info("chat-completions", "MistralAI"), SERVERLESS),
        (200, {}, info("chat-completion", "Microsoft"), SERVERLESS),  # the sample in the documentation of /info
        (200, {}, info("chat-completion", "mistral"), MANAGED),
        (200, {}, info("chat-completion", ""), MANAGED),
        (424, {"ms-azureml-model-error-statuscode": "404"}, {"detail": "Not Found"}, MANAGED),
        (429, {"ms-azureml-model-error-reason": "too_many_pending_request"}, None, MANAGED),
        (404, {}, {"error": {"code": "404", "message": "Resource not found"}}, FOUNDRY),
        (404, {"apim-request-id": "x"}, None, FOUNDRY),
        (404, {}, {"detail": "Not Found"}, None),  # vLLM
        (404, {}, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}, None),  # llama.cpp
        (404, {}, {"error": "Unexpected endpoint or method."}, None),  # LM Studio
        (200, {}, ["anything"], None),
    ],
)
def test_the_kind_that_an_answer_tells(status, headers, body, kind):
    assert kind_answered(status, headers, body) is kind


def test_a_kind_that_there_is_not():
    with pytest.raises(CookbookError, match=r"no kind 'batch'\. Choose one of: serverless, managed, foundry"):
        kind_named("batch")


def test_a_guides_table_names_each_kinds_role_and_scope():
    text = (Path(__file__).resolve().parents[2] / "notebooks" / "your-endpoint.ipynb").read_text(encoding="utf-8")
    scopes, roles = (next(line for line in text.splitlines() if f'"| {head} |' in line) for head in HEADS)
    for kind in (SERVERLESS, MANAGED, FOUNDRY):
        assert kind.scope in scopes and kind.role.partition(" on ")[0] in roles
