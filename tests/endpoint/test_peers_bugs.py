"""The mistakes that other local endpoints make, one test for each."""

from __future__ import annotations

import json

import pytest
from raw import AUTHORIZED, Got, ask, chat, post, serving

from mistral_on_azure.endpoint.gateway.quota import Limits
from scripted import script

ROUTES = ("/chat/completions", "/v1/chat/completions", "/models/chat/completions")
PROMPTS = [prompt for system, prompt in script() if system is None]


async def answers(*requests: bytes) -> list[Got]:
    async with serving(quota=Limits()) as server:
        return [await ask(server, data) for data in requests]


async def streamed(**parameters) -> list[dict]:
    (got,) = await answers(chat(stream=True, **parameters))
    assert got.events[-1] == "[DONE]"
    return [json.loads(event) for event in got.events[:-1]]


async def test_every_line_of_a_stream_begins_with_data():
    (got,) = await answers(chat(stream=True))
    lines = got.body.decode().split("\n\n")
    assert lines.pop() == ""
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    assert lines[-1] == "data: [DONE]"


async def test_all_chunks_of_a_stream_have_one_id_and_the_next_stream_has_another():
    first, second = await streamed(), await streamed()
    assert len({chunk["id"] for chunk in first}) == len({chunk["created"] for chunk in first}) == 1
    assert first[0]["id"] != second[0]["id"]
    one, two = (got.json() for got in await answers(chat(), chat()))
    assert one["id"] != two["id"]


async def test_finish_reason_is_beside_the_delta():
    chunks = await streamed()
    assert not any("finish_reason" in chunk["choices"][0]["delta"] for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


async def test_usage_adds_up_and_is_the_same_streamed():
    (whole,) = await answers(chat())
    usage = whole.json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert (await streamed())[-1]["usage"] == usage


@pytest.mark.parametrize("limits", [{}, {"max_tokens": 5}])
async def test_what_is_charged_is_what_was_used(limits):
    """Not a flat number where max_tokens is missing."""
    (got,) = await answers(chat(**limits))
    used = int(got["x-ratelimit-limit-tokens"]) - int(got["x-ratelimit-remaining-tokens"])
    assert used == got.json()["usage"]["total_tokens"]


async def test_rate_limit_headers_change():
    one, two = await answers(chat(), chat())
    for name in ("requests", "tokens"):
        assert int(two[f"x-ratelimit-remaining-{name}"]) < int(one[f"x-ratelimit-remaining-{name}"])


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_scripted_answer_is_the_same_streamed(prompt):
    (whole,) = await answers(chat(prompt))
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in await streamed(prompt=prompt))
    assert text == whole.json()["choices"][0]["message"]["content"] in script()[None, prompt]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": []}, {"messages": "hello"}, {"messages": [{}]}])
async def test_missing_messages_are_the_clients_mistake(route, body):
    (got,) = await answers(post(route, json.dumps(body).encode(), AUTHORIZED))
    assert got.status in (400, 422)
    assert got.json()["message"]


@pytest.mark.parametrize("wanted", [None, "keep-alive", "close"])
async def test_one_connection_header_at_most(wanted):
    for data in (chat(headers={"connection": wanted} if wanted else {}), chat(stream=True), b"nonsense\r\n\r\n"):
        (got,) = await answers(data)
        assert len([value for name, value in got.headers if name == "connection"]) <= 1
