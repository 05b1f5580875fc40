"""The OpenAPI document: valid, complete, and what the code does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from asking import APPLICATION, CHAT_ROUTES, LARGE, QUESTION, ROUTES, chat
from documented import DOCUMENT, validator
from tool_requests import MULTIPLY, WEATHER, call, calls, result

import mistral_on_azure.endpoint
from mistral_on_azure.endpoint.api_errors import invalid, not_supported
from mistral_on_azure.endpoint.application import document
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.openapi.document import CODES
from mistral_on_azure.endpoint.openapi.document import ENGINE as ENGINE_CODE
from mistral_on_azure.endpoint.serving.request_parameters import PARAMETERS
from mistral_on_azure.endpoint.transport.exchange import Request


def test_it_is_a_valid_openapi_3_1_document():
    import schemathesis

    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_route_is_documented_and_nothing_else():
    routed = {(method, path): route for path, methods in ROUTES.items() for method, route in methods.items()}
    for (method, path), route in routed.items():
        operation = DOCUMENT["paths"][path][method.lower()]
        needs = operation.get("security", DOCUMENT["security"])
        assert operation["summary"] and operation["operationId"]
        assert (needs == DOCUMENT["security"]) == (not route.open)
    assert set(DOCUMENT["paths"]) == set(ROUTES)
    ids = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids) == len(routed)


def test_references_lead_somewhere_and_every_component_is_used():
    text = json.dumps(DOCUMENT)
    for kind, components in DOCUMENT["components"].items():
        for name in components:
            assert kind == "securitySchemes" or f'"#/components/{kind}/{name}"' in text or name in ("404", "405"), name


def test_the_request_is_the_table_of_parameters():
    request = DOCUMENT["components"]["schemas"]["ChatCompletionRequest"]
    assert set(request["properties"]) == set(PARAMETERS)
    assert {name for name, schema in request["properties"].items() if schema.get("x-extra-parameter")} == {
        name for name, rule in PARAMETERS.items() if rule.extra
    }
    assert request["properties"]["top_p"]["exclusiveMinimum"] == 0
    assert request["properties"]["n"]["maximum"] == 16
    assert all(schema["description"] for schema in request["properties"].values())


def test_headers_and_versions_are_those_of_the_code():
    parameters = DOCUMENT["components"]["parameters"]
    assert parameters["azureml-model-deployment"]["schema"]["enum"] == list(SERVERLESS.deployments())
    assert parameters["api-version"]["schema"]["enum"] == list(SERVERLESS.api_versions)
    for path in CHAT_ROUTES:
        asked = DOCUMENT["paths"][path]["post"]["parameters"]
        names = {parameter.get("name") or parameter["$ref"].rpartition("/")[2] for parameter in asked}
        assert {
            "api-version",
            "extra-parameters",
            "azureml-model-deployment",
            "x-local-fault",
            "x-local-timing",
        } <= names


def raised() -> set[tuple[int, str]]:
    """The (status, code) of every error in the code of the endpoint, but for that of a Foundry resource."""
    found = {(not_supported("x", 1).status, not_supported("x", 1).code), (400, invalid("x").code)}
    for file in Path(mistral_on_azure.endpoint.__file__).parent.rglob("*.py"):
        if file.name == "foundry.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            given = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
            if name in ("ApiError", "QuotaExceeded") and len(given) == 2:
                found.add((given[0], given[1]))
            codes = [word.value for word in node.keywords if word.arg == "code"] if name == "invalid" else []
            found |= {(400, code.value) for code in codes if isinstance(code, ast.Constant)}
    return found


def test_every_error_of_the_code_is_documented_and_no_other():
    # invalid_messages and invalid_tools are put together in one place, as f"invalid_{param}".
    documented = {(status, code) for status, codes in CODES.items() for code in codes}
    assert raised() | {(400, "invalid_messages"), (400, "invalid_tools")} == documented
    assert ENGINE_CODE in DOCUMENT["components"]["responses"]["400"]["description"]


@pytest.mark.parametrize("status", [str(status) for status in CODES])
def test_examples_of_errors_are_errors(status):
    response = DOCUMENT["components"]["responses"][status]
    example = response["content"]["application/json"]["example"]
    validator("#/components/schemas/Error").validate(example)
    assert example["status"] == int(status)


def test_it_is_served_to_anybody_and_printed_the_same(endpoint):
    import requests

    url, _ = endpoint
    served = requests.get(f"{url}/openapi.json", timeout=10)
    assert served.status_code == 200 and served.headers["content-type"] == "application/json"
    cookbook = Path(sys.executable).with_name("cookbook")
    printed = subprocess.run([cookbook, "openapi"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert json.loads(printed) == served.json() == DOCUMENT


def test_json_mode_is_documented_where_a_deployment_has_it():
    for kind in (Foundry(), SERVERLESS, Managed()):
        request = document(kind)["components"]["schemas"]["ChatCompletionRequest"]
        formats = request["properties"]["response_format"]["properties"]["type"]
        there = any(each.json for each in kind.deployments().values())
        assert formats == ({"enum": ["text", "json_object"]} if there else {"const": "text"})


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
def test_it_needs_no_credential(headers):
    assert APPLICATION.answer(Request("GET", "/openapi.json", headers=headers)).status == 200


TALK_WITH_TOOLS = [*QUESTION, calls(call()), result()]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("messages", "parameters"),
    [
        (QUESTION, {}),
        (QUESTION, {"n": 3, "temperature": 1.0}),
        (QUESTION, {"logprobs": True, "top_logprobs": 3, "max_tokens": 4}),
        (QUESTION, {"logprobs": True}),
        (QUESTION, {"stop": ["7,000"]}),
        (QUESTION, {"safe_prompt": True}),
        ("Weather in Paris?", {"model": LARGE, "tools": [WEATHER]}),
        ("Weather in Paris and Rome, and 2 times 3?", {"model": LARGE, "tools": [WEATHER, MULTIPLY], "n": 2}),
        (TALK_WITH_TOOLS, {"model": LARGE, "tools": [WEATHER]}),
        ([{"role": "user", "content": [{"type": "text", "text": "Hello"}]}], {}),
    ],
)
def test_requests_and_answers_of_all_kinds_are_as_documented(messages, parameters, stream):
    """`chat` compares the answer; here the request is compared as well."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    asked = {**parameters, **({"stream": True, "stream_options": {"include_usage": True}} if stream else {})}
    validator("#/components/schemas/ChatCompletionRequest").validate({"messages": messages, **asked})
    for path in CHAT_ROUTES:
        assert chat(messages, path, {"extra-parameters": "pass-through"}, **asked).status == 200
