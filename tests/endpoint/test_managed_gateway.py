"""What Azure Machine Learning's gateway does in front of managed compute's container."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import requests
from asking import KEY, PROMPT, QUESTION, Got, chat, get, send
from managed_compute import managed

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.endpoint.application import Application, document
from mistral_on_azure.endpoint.gateway.managed import MANAGED, Managed
from mistral_on_azure.endpoint.serving import engine_messages
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.endpoint.transport.exchange import Answer, Request
from scripted import listed

AZURE, OPENAI = "/chat/completions", "/v1/chat/completions"
REASON, STATUS = "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode"
SLOW = {"x-local-timing": "first-token=0.2; tokens-per-second=10000"}


def answer(application: Application, **parameters: Any) -> Answer:
    """An answer as it is planned, with its delay, before anything is written."""
    body = json.dumps({"messages": QUESTION, "max_tokens": 2, **parameters}).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **SLOW}
    return application.answer(Request("POST", OPENAI, "", headers, body))


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({"temperature": 2}, 422), ({"tools": []}, 400), ({"top_p": 0}, 400), ({"response_format": {"type": "x"}}, 422)],
)
def test_what_the_container_refuses_is_inside_of_424(parameters: dict[str, Any], status: int):
    got = chat(application=managed(), **parameters)
    assert got.status == 424
    assert got.headers[STATUS] == str(status)
    assert got.headers[REASON] == "model_error"
    assert got.headers["content-type"] == "application/json"
    assert got.json.get("detail") or got.json["error"]["status"] == status


def test_a_path_that_the_container_does_not_have_is_inside_of_424_too():
    got = get("/models", application=managed())
    assert (got.status, got.headers[STATUS], got.json) == (424, "404", {"detail": "Not Found"})
    slash = send("POST", f"{AZURE}/", application=managed())
    assert (slash.status, slash.headers[STATUS], slash.headers["location"]) == (424, "307", AZURE)
    assert not slash.body


@pytest.mark.parametrize(("concurrent", "instances"), [(1, 1), (2, 1), (1, 3)])
def test_more_than_twice_the_requests_at_a_time_are_429_with_an_empty_body(concurrent: int, instances: int):
    application = managed(kind=Managed(concurrent, instances, timeout=60_000))
    taken = [answer(application).status for _ in range(2 * concurrent * instances)]
    assert taken == [200] * len(taken)
    got = chat(application=application)
    assert (got.status, got.body) == (429, b"")
    assert got.headers[REASON] == "too_many_pending_request"
    assert STATUS not in got.headers
    assert not [name for name in got.headers if name == "retry-after" or name.startswith("x-ratelimit")]


def test_what_the_gateway_refuses_waits_for_nothing_and_keeps_no_place():
    application = managed(kind=Managed(timeout=300))
    assert [answer(application).status for _ in range(2)] == [200, 408]  # the second would take 0.4 s
    assert [(each.status, each.delay) for each in (answer(application) for _ in range(3))] == [(429, 0.0)] * 3
    fault = chat(headers={"x-local-fault": "status=503", **SLOW}, application=managed())
    assert fault.status == 503


def test_no_answer_tells_a_quota():
    assert not [name for name in chat(application=managed()).headers if name.startswith("x-ratelimit")]


def test_an_answer_that_takes_too_long_is_408_when_the_time_is_over():
    late = answer(managed(kind=Managed(timeout=100)))
    assert (late.status, late.body, late.delay) == (408, b"", 0.1)
    assert b"request_timeout" in late.headers
    assert answer(managed(kind=Managed(timeout=1000))).status == 200
    assert answer(managed(kind=Managed(timeout=100)), stream=True).status == 200  # its head is there at once


def test_whole_answers_wait_for_each_other_and_streams_do_not():
    application = managed()
    delays = [answer(application).delay for _ in range(3)]
    assert delays[0] == pytest.approx(0.2, abs=0.05)
    assert delays == sorted(delays)
    assert delays[2] == pytest.approx(0.6, abs=0.1)
    assert [answer(application, stream=True).delay for _ in range(3)] == [pytest.approx(0.2, abs=0.05)] * 3


def test_each_instance_writes_its_own_answers():
    application = managed(kind=Managed(2, instances=2))
    delays = [answer(application).delay for _ in range(4)]
    assert delays == [pytest.approx(seconds, abs=0.1) for seconds in (0.2, 0.2, 0.4, 0.4)]


def test_over_http_concurrency_and_time_limit_are_the_gateways():
    with start(kind="managed", request_timeout_ms=1500) as endpoint:
        headers = {"authorization": f"Bearer {endpoint.keys[0]}", "x-local-timing": "first-token=1"}
        found: list[requests.Response] = []

        def ask() -> None:
            body = {"messages": QUESTION, "max_tokens": 1}
            found.append(requests.post(endpoint.url + OPENAI, json=body, headers=headers, timeout=10))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(each.status_code for each in found) == [200, 408, 429, 429]
    assert time.monotonic() - began >= 1.5
    refused = next(each for each in found if each.status_code == 429)
    assert not refused.content
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize("name", deployments())
def test_info_and_the_header_name_the_deployment(name: str):
    deployment = deployments()[name]
    got = get("/info", application=managed(name))
    assert got.headers["azureml-model-deployment"] == name
    assert got.json == {
        "model_type": "chat-completion",
        "model_provider_name": deployment.container_provider,
        "model_name": deployment.container_name,
    }
    assert b"\n    " in got.body


def test_a_header_chooses_the_deployment_and_an_unknown_name_does_not():
    names = list(deployments())
    for asked, served in ((names[-1], names[-1]), ("none-of-them", names[0])):
        got = get("/info", {"azureml-model-deployment": asked}, application=managed(names[0]))
        assert got.headers["azureml-model-deployment"] == served


@pytest.mark.parametrize("credential", ["Bearer wrong", "", "Basic eDp5"])
def test_a_wrong_key_is_401_before_the_container(credential: str):
    got = send("GET", "/info", headers={"authorization": credential}, application=managed())
    assert got.status == 401
    assert not {STATUS, REASON} & set(got.headers)


@pytest.mark.parametrize("name", deployments())
@pytest.mark.parametrize("stream", [False, True])
def test_usage_is_that_of_the_chat_template(name: str, stream: bool):
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    got = chat(application=managed(name), headers={"extra-parameters": "pass-through"}, max_tokens=7, **options)
    prompt = engine_messages.count([("user", PROMPT)], deployments()[name].tokenizer)
    usage = got.chunks[-1]["usage"] if stream else got.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (prompt, 7, prompt + 7)


@pytest.mark.parametrize("name", deployments())
def test_a_system_message_is_counted_where_it_is_moved_to(name: str):
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
    got = chat(messages, application=managed(name), max_tokens=3)
    if not deployments()[name].container_provider:
        assert (got.status, got.headers[STATUS]) == (424, "400")
        return
    moved = engine_messages.count([("user", f"Be brief.\n{PROMPT}")], deployments()[name].tokenizer)
    assert got.json["usage"]["prompt_tokens"] == moved


def unsafe(got: Got) -> bool:
    told = "request input violates azure ai content safety setting."
    return got.status == 424 and got.headers[STATUS] == "400" and got.json.get("error", {}).get("message") == told


def test_content_safety_looks_at_every_text_that_is_sent_before_roles_are_checked():
    text, application = listed()[0], managed()
    two = [{"role": "user", "content": text}] * 2
    assert unsafe(chat(text, AZURE, application=application))
    assert unsafe(chat(text, OPENAI, application=application, stream=True))
    assert unsafe(chat(two, AZURE, application=application))
    assert unsafe(chat(application=application, stop=[text]))
    assert not unsafe(chat(text, application=application, temperature=2))  # 422 comes first
    assert not unsafe(chat(text, application=application, tools=[]))


def test_content_safety_looks_at_extra_parameters_on_one_route():
    text, headers = listed()[0], {"extra-parameters": "drop"}
    assert unsafe(chat(path=OPENAI, headers=headers, application=managed(), user=text))
    assert chat(path=AZURE, headers=headers, application=managed(), user=text).status == 200
    payload = {"input_data": {"input_string": [{"role": "user", "content": text}]}}
    assert send("POST", "/score", json.dumps(payload).encode(), application=managed()).json == {}


@pytest.mark.parametrize("stop", ["", [""], ["x", ""]])
def test_scoring_has_no_output_where_the_engine_refuses_an_empty_stop_sequence(stop):
    payload = {"input_data": {"input_string": [{"role": "user", "content": "Hi"}], "parameters": {"stop": stop}}}
    got = send("POST", "/score", json.dumps(payload).encode(), application=managed())
    assert got.json == {"output": "None"}


def test_the_openapi_document_of_this_kind_is_valid():
    import schemathesis

    described = document(MANAGED)
    schemathesis.openapi.from_dict(described).validate()
    assert json.loads(json.dumps(described)) == get("/local/openapi.json", application=managed()).json
    passed_on = get("/openapi.json", application=managed())
    assert (passed_on.headers[STATUS], passed_on.json) == ("404", {"detail": "Not Found"})
    responses = described["paths"]["/local/faults"]["post"]["responses"]
    assert {"401", "408", "424"} <= set(responses)
    assert not {"400", "422"} & set(responses)
