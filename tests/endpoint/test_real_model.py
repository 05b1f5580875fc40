"""A real engine behind the protocol: adapted both ways, streamed as it arrives, refused and lost politely."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
import requests
from asking import LARGE
from plain_engine import Engine
from raw import chat

from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import deployments, sold_deployments
from mistral_on_azure.endpoint.models import engine_adapter
from mistral_on_azure.endpoint.models.messages import GUARDRAIL
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.errors import CookbookError

QUESTION = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def served(engine) -> Iterator[LocalEndpoint]:
    with start(engine=engine.url) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def healthy(engine) -> None:
    engine.fail, engine.mood = None, ""
    engine.left.clear()


def ask(served: LocalEndpoint, path: str = "/v1/chat/completions", **more: object) -> http.Response:
    return http.request("POST", f"{served.url}{path}", served.keys[0], {**QUESTION, **more})


def test_every_answer_carries_the_models_real_name(served):
    assert http.request("GET", f"{served.url}/info", served.keys[0]).json()["model_name"] == "tiny"
    for name in deployments():
        assert ask(served, model=name).json()["model"] == "tiny"


def test_usage_is_the_engines_own(served):
    assert ask(served).json()["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def test_what_the_engine_is_sent(served, engine):
    ask(served, random_seed=3, safe_prompt=False, temperature=0.5, n=2)
    sent = engine.bodies[-1]
    assert sent["messages"] == [{"role": "user", "content": "Be brief.\n\nHello"}]
    assert sent["seed"] == 4 and sent["temperature"] == 0.5 and sent["model"] == "tiny" and sent["max_tokens"]
    assert not {"safe_prompt", "random_seed", "n"} & set(sent)


def test_several_choices_are_asked_for_one_by_one(served):
    body = ask(served, n=2).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


def test_log_probabilities_are_trimmed_to_what_was_asked(served):
    assert ask(served).json()["choices"][0]["logprobs"] is None
    (entry,) = ask(served, logprobs=True, top_logprobs=2).json()["choices"][0]["logprobs"]["content"]
    assert entry["token"] == "Hi" and len(entry["top_logprobs"]) == 2


def test_a_stream_has_the_services_shape(served):
    events = ask(served, stream=True).text.strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert events[-1] == "data: [DONE]" and len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "Hi there"
    assert chunks[-1]["usage"]["total_tokens"] == 9 and chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_comes_after_the_choices_for_who_asks_as_openai_does(served):
    def chunks(wanted: bool) -> list[dict]:
        streamed = ask(served, stream=True, stream_options={"include_usage": wanted}).text.strip().split("\n\n")
        return [json.loads(event.removeprefix("data: ")) for event in streamed[:-1]]

    *before, last = chunks(True)
    assert last["choices"] == [] and last["usage"]["total_tokens"] == 9
    assert before[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in chunk for chunk in [*before, *chunks(False)])


def test_the_engine_reads_the_guardrail(served, engine):
    ask(served, safe_prompt=True)
    assert engine.bodies[-1]["messages"][0]["content"] == f"{GUARDRAIL}\n\nBe brief.\n\nHello"


def test_the_wire_view_shows_a_live_stream(served):
    ask(served, stream=True)
    (seen,) = http.request("GET", f"{served.url}/local/exchanges?last=1", served.keys[0]).json()
    assert "Hi" in seen["answer"]


@pytest.mark.parametrize("mood", ["breaks off", "just stops"])
def test_a_stream_that_breaks_off_does_not_look_complete(served, engine, mood):
    engine.mood = mood
    with pytest.raises(CookbookError):
        ask(served, stream=True)


def test_an_error_in_mid_stream_comes_through(served, engine):
    engine.mood = "fails"
    *_, error, done = ask(served, stream=True).text.strip().split("\n\n")
    assert json.loads(error.removeprefix("data: ")) == {"error": {"message": "out of memory", "code": 500}}
    assert done == "data: [DONE]"


def test_a_client_that_leaves_while_the_engine_thinks_stops_it(served, engine):
    engine.mood = "thinks"
    asked = len(engine.bodies)
    with socket.create_connection(address(served), timeout=60) as client:
        client.sendall(chat(key=served.keys[0]))
        deadline = time.monotonic() + 10
        while len(engine.bodies) == asked:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert engine.left.wait(10)


def test_a_client_that_leaves_without_having_read_its_stream_stops_the_engine(served, engine):
    engine.mood = "rambles"
    with socket.create_connection(address(served), timeout=60) as client:
        client.sendall(chat(key=served.keys[0], stream=True))
        assert client.recv(1)
        assert not engine.left.wait(0.5)  # all buffers on the way are full by now
    assert engine.left.wait(10)


def address(served: LocalEndpoint) -> tuple[str, int]:
    host, _, port = served.url.removeprefix("http://").partition(":")
    return host, int(port)


@pytest.mark.parametrize("mood", ["nonsense", "no choices", "gone"])
def test_an_engine_that_answers_no_completion(served, engine, mood):
    engine.mood = mood
    answer = ask(served)
    assert (answer.status, answer.json()["code"]) == (502, "bad_gateway")


def test_what_the_protocol_does_not_know_is_passed_on_when_asked(served, engine):
    more = {"top_k": 5, "min_p": 0.1}
    assert ask(served, **more).status == 200
    assert more.items() <= engine.bodies[-1].items()
    for wanted, status in (({}, 400), ({"extra-parameters": "drop"}, 200)):
        headers = {"api-key": served.keys[0], **wanted}
        asked = requests.post(f"{served.url}/chat/completions", json={**QUESTION, **more}, headers=headers, timeout=60)
        assert asked.status_code == status
    assert not more.keys() & engine.bodies[-1].keys()


def test_the_model_may_be_asked_for_by_its_own_name(served):
    listed = http.request("GET", f"{served.url}/v1/models", served.keys[0]).json()["data"]
    assert [card["id"] for card in listed] == ["tiny", *deployments()]
    assert ask(served, model="tiny").json()["model"] == "tiny"
    assert ask(served, model="huge").json()["model"] == "tiny"


@pytest.mark.parametrize(("status", "seen"), [(400, 400), (422, 422), (429, 429), (500, 500), (401, 502)])
@pytest.mark.parametrize("stream", [False, True])
def test_refusals_come_through(served, engine, status, seen, stream):
    engine.fail = status
    answer = ask(served, stream=stream)
    assert answer.status == seen and answer.message
    assert (answer.headers.get("retry-after") == "7") is (status == seen)
    assert "x-ratelimit-remaining-tokens" in answer.headers


def test_the_protocols_own_rules_hold(served, engine):
    before = len(engine.bodies)
    assert ask(served, response_format={"type": "json_object"}).status == 422
    assert ask(served, temperature=-1).status == 422
    assert ask(served, "/chat/completions", logprobs=True).status == 400
    assert http.request("POST", f"{served.url}/v1/chat/completions", "f" * 32, QUESTION).status == 401
    assert len(engine.bodies) == before


LOOKAHEAD = {"type": "object", "properties": {"code": {"type": "string", "pattern": "^(?=.*[0-9])[a-z0-9]{8}$"}}}
CALLED = {
    "tools": [{"type": "function", "function": {"name": "f", "parameters": LOOKAHEAD}}],
    "tool_choice": "required",
}
SAID = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        CALLED,  # a schema for which the script finds no arguments, on a deployment that takes no tools
        {**CALLED, "model": LARGE},
        {"messages": [{"role": "user", "content": "word " * 9_000}]},  # beyond the context of the deployment
        {"max_tokens": 9_000},
        {"messages": SAID * 2},
        {"messages": [{"role": "developer", "content": "Be brief."}, *SAID]},
        {"messages": [*SAID, {"role": "assistant", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        {"messages": []},
        {"messages": ["Hello", None]},
        {"tools": ["f", {"function": 3}], "tool_choice": "any"},
    ],
)
def test_an_engine_is_asked_alone(served, engine, asked, stream):
    """Messages, tools and lengths are the engine's to judge: they reach it as they were sent."""
    before = len(engine.bodies)
    assert ask(served, **asked, stream=stream).status == 200
    (sent,) = engine.bodies[before:]
    assert {name: sent[name] for name in asked if name not in ("model", "tool_choice")} == {
        name: value for name, value in asked.items() if name not in ("model", "tool_choice")
    }
    engine.fail = 422
    refused = ask(served, **asked, stream=stream)
    assert (refused.status, refused.message) == (422, "The engine answered: no such thing")


def test_a_system_message_is_folded_wherever_it_may_be(served, engine):
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    for messages, sent in (
        ([*QUESTION["messages"], {"role": "system", "content": "In French."}], "Be brief.\n\nIn French.\n\nHello"),
        ([QUESTION["messages"][0], {"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "Be brief.\n\nHi"),
    ):
        assert ask(served, messages=messages).status == 200
        assert engine.bodies[-1]["messages"] == [{"role": "user", "content": sent}]
    for messages in ([QUESTION["messages"][0]], [QUESTION["messages"][0], *picture], [{"role": "system"}, *SAID]):
        assert ask(served, messages=messages).status == 200
        assert engine.bodies[-1]["messages"] == messages  # nothing to fold it into: the engine has rules for that


def test_json_mode_reaches_the_engine_where_the_deployment_has_it(engine):
    name = next(name for name, each in sold_deployments().items() if each.json)
    wanted = {"type": "json_object"}
    with start(engine=engine.url, kind="foundry") as resource:
        assert ask(resource, "/openai/v1/chat/completions", model=name, response_format=wanted).status == 200
    assert engine.bodies[-1]["response_format"] == wanted


def test_quota_counts_what_the_engine_spent(engine):
    with start(engine=engine.url, tokens_per_minute=20) as small:
        assert [ask(small).status for _ in range(4)][-1] == 429


def test_tool_choice_any_is_what_engines_call_required():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    parameters = {**QUESTION, "tools": [tool], "tool_choice": "any"}
    assert engine_adapter.outgoing(parameters, "tiny")["tool_choice"] == "required"
    forced = engine_adapter.outgoing(parameters, "tiny", tools_by_schema=True)
    assert forced["response_format"]["json_schema"]["schema"] == {"type": "object"} and "tools" not in forced
    for reason, called in (("stop", True), ("length", False)):  # a call cut short is none yet
        said = {"choices": [{"message": {"content": "{}"}, "finish_reason": reason}]}
        choice = engine_adapter.incoming(said, parameters, tools_by_schema=True)["choice"]
        assert (choice["finish_reason"] == "tool_calls") is bool(choice["message"]["tool_calls"]) is called


def test_each_forced_call_has_an_id_of_its_own():
    said = {"choices": [{"message": {"content": "{}"}}]}
    parts = [engine_adapter.incoming(said, CALLED, tools_by_schema=True) for _ in range(3)]
    ids = [part["choice"]["message"]["tool_calls"][0]["id"] for part in parts]
    assert len(set(ids)) == 3 and all(re.fullmatch(r"[a-zA-Z0-9]{9}", each) for each in ids)
