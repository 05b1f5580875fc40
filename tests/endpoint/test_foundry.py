"""A Foundry resource: deployments by name on two routes, JSON mode and tools where they are listed, its own errors."""

from __future__ import annotations

import json

import pytest
import requests
from mistral_objections import their_count, tokenizer_of

from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import retired_deployments, sold_deployments
from mistral_on_azure.catalog.models import models
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server_process import make
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError

AZURE, OPENAI = "/models/chat/completions?api-version=2024-05-01-preview", "/openai/v1/chat/completions"
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def resource():
    with start(kind="foundry") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def before():
    """A resource as it was while Mistral-Nemo and Mistral-large-2411 were sold."""
    with start(kind="foundry", as_of="2025-06-01") as endpoint:
        for name in ("Mistral-large-2411", "Mistral-Nemo"):  # their tokenizers take seconds to load
            body = {"model": name, "messages": HELLO}
            headers = {"Authorization": f"Bearer {endpoint.keys[0]}"}
            requests.post(endpoint.url + OPENAI, json=body, headers=headers, timeout=120)
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


def test_a_quota_that_was_asked_for_is_kept_with_its_minute():
    with start(kind="foundry", tokens_per_minute=200_000, requests_per_minute=2, minute=1.0) as resource:
        answers = [ask(resource, OPENAI, model="Mistral-Large-3", max_tokens=1) for _ in range(3)]
    assert answers[0].headers["x-ratelimit-limit-tokens"] == "200000"
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert float(answers[2].headers["x-ratelimit-reset-requests"].rstrip("s")) <= 1


def test_the_route_of_openai_takes_its_own_versions(resource):
    for version, expected in {"v1": 200, "preview": 200, "2024-05-01-preview": 200, "2023-01-01": 400}.items():
        assert ask(resource, f"{OPENAI}?api-version={version}", model="Mistral-Large-3").status == expected
    assert ask(resource, f"{AZURE}?api-version=v1", model="Mistral-Large-3").status == 400


def test_the_responses_api_says_what_to_use_instead(resource):
    for path in ("/openai/v1/responses", "/openai/v1/responses/abc", "/v1/responses"):
        answer = ask(resource, path, model="Mistral-Large-3")
        assert answer.status == 404 and "client.chat.completions" in answer.json()["error"]["message"]
    assert ask(resource, "/nowhere").json()["error"]["message"] == "Resource not found"


def test_one_model_by_its_name(resource):
    def model(name: str):
        return http.request("GET", f"{resource.url}/openai/v1/models/{name}", resource.keys[0])

    assert model("Ministral-3B").json()["id"] == "Ministral-3B"
    unknown = model("nope")
    assert (unknown.status, unknown.json()["error"]["code"]) == (404, "DeploymentNotFound")
    assert (model("Mistral-Nemo").status, model("").status) == (410, 404)


def test_a_vocabulary_that_is_not_published_refuses_no_token_id_but_one_below_0(resource):
    for name in ("Mistral-Large-3", "mistral-small-2503"):
        assert ask(resource, OPENAI, model=name, logit_bias={"50000": 1}, max_tokens=1).status == 200
        refused = ask(resource, OPENAI, model=name, logit_bias={"-7": 1, "5": 1}, max_tokens=1)
        assert refused.status == 400 and "token_id(s) [-7]" in refused.json()["error"]["message"]


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


def test_tools_are_called_where_the_capability_page_lists_them(resource):
    tool = {"type": "function", "function": {"name": "get_weather", "description": "The weather in a city."}}
    asked = [{"role": "user", "content": "How is the weather?"}]
    for name, deployment in sold_deployments().items():
        body = {"model": name, "messages": asked, "tools": [tool], "tool_choice": "any"}
        answer = http.request("POST", resource.url + AZURE, resource.keys[0], body)
        assert answer.status == (200 if deployment.tools else 422), answer.text
        if deployment.tools:
            assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_no_schema_for_json_as_no_page_lists_one(resource):
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    assert ask(resource, OPENAI, model="Mistral-Large-3", response_format=schema).status == 422


def test_more_tokens_than_the_context_are_refused(resource):
    answer = ask(resource, OPENAI, model="mistral-small-2503", max_tokens=32_768)
    assert answer.status == 400 and "maximum context length is 32768 tokens" in answer.message
    assert ask(resource, OPENAI, model="Ministral-3B", max_tokens=32_768).status == 200


def test_what_is_served_is_what_the_table_of_models_says():
    for name, deployment in {**sold_deployments(), **retired_deployments()}.items():
        row = models()[name]
        sold = name in sold_deployments()
        assert (row.group, row.foundry[0].value) == (("sold today", "offered") if sold else ("retired", "not offered"))
        assert (row.tools[0].value == "yes") is deployment.tools
        assert ("JSON" in row.json[0].value) is deployment.json
        assert f"{deployment.context:,}" in row.context[0].value
        assert f"{deployment.output:,} out" in row.context[0].value
        assert row.tokenizer_here is not deployment.estimated


def test_the_system_message_is_a_turn_of_its_own_and_estimates_say_so(resource):
    """v7 has two tokens around it, where v3 has a blank line between it and the question."""
    counted = ask(resource, OPENAI, model="Mistral-Large-3")
    assert counted.json()["usage"]["prompt_tokens"] == their_count(HELLO, name="v7") == 12
    assert counted.headers["x-local-tokens"] == "estimated"


@pytest.mark.parametrize(("model", "tokenizer"), [("Mistral-large-2411", "v7"), ("Mistral-Nemo", "tekken")])
def test_tokens_are_exact_where_the_tokenizer_is_here(before, model, tokenizer):
    question = {"role": "user", "content": "Combien de langues y a-t-il, et où? 語言 🙂"}
    for messages in (HELLO, [*HELLO, {"role": "assistant", "content": "Hello."}, question]):
        body = {"model": model, "messages": messages, "max_tokens": 9}
        answer = http.request("POST", before.url + OPENAI, before.keys[0], body)
        assert answer.json()["usage"]["prompt_tokens"] == their_count(messages, name=tokenizer)
        assert "x-local-tokens" not in answer.headers
        assert answer.json()["usage"]["completion_tokens"] == 9
    whole = http.request("POST", before.url + OPENAI, before.keys[0], {"model": model, "messages": HELLO})
    assert whole.json()["usage"]["completion_tokens"] == len(
        tokenizer_of(tokenizer).instruct_tokenizer.tokenizer.encode(
            whole.json()["choices"][0]["message"]["content"], bos=False, eos=False
        )
    )


def test_tools_are_in_the_count_with_their_schemas(before):
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "as Paris"}}}
    function = {"name": "get_weather", "description": "The weather in a city.", "parameters": schema}
    body = {"model": "Mistral-Nemo", "messages": HELLO, "tools": [{"type": "function", "function": function}]}
    answer = http.request("POST", before.url + OPENAI, before.keys[0], body)
    assert answer.json()["usage"]["prompt_tokens"] == their_count(HELLO, body["tools"], "tekken")


def test_a_stream_in_tekken_has_the_text_in_its_tokens(before):
    body = {"model": "Mistral-Nemo", "messages": HELLO, "stream": True}
    answer = http.request("POST", before.url + OPENAI, before.keys[0], body)
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    whole = http.request("POST", before.url + OPENAI, before.keys[0], {**body, "stream": False}).json()
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"]


@pytest.mark.parametrize("path", [AZURE, OPENAI])
def test_a_retired_model_is_gone(resource, path):
    for name in ("Mistral-Nemo", "mistral-large-2407"):
        answer = ask(resource, path, model=name)
        assert (answer.status, answer.json()["error"]["code"]) == (410, "model_retired")
        assert answer.headers["x-ms-error-code"] == "model_retired"
    with start(kind="foundry", retired=404) as older:
        answer = ask(older, path, model="Mistral-Nemo")
        assert (answer.status, answer.json()["error"]["code"]) == (404, "DeploymentNotFound")


def test_a_day_decides_what_is_sold(before, resource):
    listed = [
        {card["id"] for card in http.request("GET", each.url + "/openai/v1/models", each.keys[0]).json()["data"]}
        for each in (before, resource)
    ]
    assert listed[1] == set(sold_deployments())
    assert {"Mistral-large-2411", "Mistral-Nemo", "mistral-small-2503"} < listed[0]
    assert not {"Mistral-large", "Mistral-large-2407", "Mistral-Large-3", "mistral-medium-3-5"} & listed[0]
    assert ask(before, OPENAI, model="Mistral-large").status == 410  # since 2025-04-15
    assert ask(before, OPENAI, model="Mistral-Large-3").status == 404  # not before 2025-12-02


@pytest.mark.parametrize(("options", "words"), [({"as_of": "today"}, "2025-12-01"), ({"retired": 500}, "410 or 404")])
def test_a_day_or_a_status_that_is_none_gets_one_line(options, words):
    with pytest.raises(CookbookError, match=words):
        make(["k" * 32], Options(kind="foundry", **options))


def test_what_is_sold_serverless_answers_there_by_its_name():
    path = "/chat/completions?api-version=2024-05-01-preview"
    with start() as endpoint:
        for name in sold_deployments():
            answer = ask(endpoint, path, model=name, max_tokens=4)
            documented = models()[name].serverless[0].value == "documented"
            assert (answer.json()["model"] == name) is documented
            assert ("x-local-tokens" in answer.headers) is documented
        listed = http.request("GET", endpoint.url + "/v1/models", endpoint.keys[0]).json()["data"]
        assert "mistral-small-2503" not in {card["id"] for card in listed}  # it has an endpoint to itself
    with start(deployment="mistral-small-2503", strict_model=True) as endpoint:
        assert ask(endpoint, path).json()["model"] == "mistral-small-2503"
        assert ask(endpoint, path, model="Mistral-Nemo").status == 410
