"""What a client sends decides neither how long the endpoint works nor how much it remembers: counts and bytes."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
from string import ascii_lowercase

import pytest
from asking import APPLICATION, KEY, LARGE, chat
from raw import KEY as WIRE_KEY
from raw import ROUTE, ask, connect, post, serving, until
from raw import chat as wired

from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.gateway.quota import Limits as Quota
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.models import sampling, script_model, tokens
from mistral_on_azure.endpoint.serving.chat import _understood
from mistral_on_azure.endpoint.serving.engine_messages import _counts
from mistral_on_azure.endpoint.transport import contents
from mistral_on_azure.endpoint.transport.exchange import Request
from mistral_on_azure.endpoint.transport.reader import Limits

pytestmark = pytest.mark.timeout(120)
MANY = contents.MOST_VALUES + 2


def send(body: bytes, application: Application = APPLICATION, **headers: str):
    given = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **headers}
    return application.answer(Request("POST", ROUTE, headers=given, body=body))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"messages":[' + b"0," * 1_900_000 + b"0]}", 413, "body_too_large"),
        (b'{"messages":' + b"[" * MANY + b"]" * MANY + b"}", 400, "invalid_json"),
        (b'{"a":[' + b"[]," * MANY + b"[]]}", 413, "body_too_large"),
        (b'{"logit_bias":{' + b",".join(b'"%d":1' % at for at in range(100_000)) + b"}}", 413, "body_too_large"),
        (b'{"stop":[' + b'"a",' * MANY + b'"a"]}', 413, "body_too_large"),
        (b'{"a":"' + b'\\"' * 1_000_000 + b'"}', 413, "body_too_large"),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", 400, "invalid_json"),
        (b'{"a":' + b"1" * 4_301 + b"}", 400, "invalid_json"),
        (b"[" + b'"",' * 500_000 + b'""]', 413, "body_too_large"),
        (b'{"messages":[],"stop":' + json.dumps(["a"] * 257).encode() + b"}", 422, "parameter_not_supported"),
    ],
    ids=range(10),
)
def test_what_is_too_much_is_refused_before_it_is_read(body, status, code):
    answer = send(body)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert len(answer.body) < 2_000


def test_what_stands_in_texts_is_not_counted():
    prompt = ", [{" * 20_000 + '\\"' * 1_000 + "1" * 5_000 + "]" * 100
    contents.check_size(json.dumps({"messages": [{"role": "user", "content": prompt}]}).encode())


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox, 12 times; jumps  over\n\n the lazy dog's   back. " * 200,
        "".join(chr(0x4E00 + at * 7919 % 20_000) for at in range(20_000)),
        " [REFERENCE_DOC_1] and so on" * 400,
        "ünïcödé ▁ wörds " * 900,
    ],
)
def test_long_texts_are_counted_in_parts_and_exactly(text):
    assert len(text) > 2 * tokens.BLOCK
    assert tokens.count(text) == len(tokens.processor().encode(text))


def test_a_text_that_repeats_itself_is_counted_to_within_a_token_for_each_part():
    text = "a" * 20_000
    exact, counted = len(tokens.processor().encode(text)), tokens.count(text)
    assert abs(exact - counted) <= len(text) / tokens.BLOCK


@pytest.mark.parametrize("tokenizer", ["v1", "v3", "v7"])
def test_of_a_long_answer_no_more_is_split_than_is_answered(tokenizer):
    """And what is split are the tokens that the whole text has there."""
    text = "The quick brown fox, 12 times; jumps  over\n\n the lazy dog's   back. ünïcödé ▁ wörds 漢字 😀 " * 100
    ids = tuple(tokens.processor(tokenizer).encode(text))
    assert tokens.tokenize(text, tokenizer).ids == ids
    for most in (1, 1_000, len(ids) - 1):
        answer = sampling.cut(text + "w", most, ["dog"] if most > 1_000 else None, tokenizer)
        assert answer.ids == ids[: len(answer.ids)] and text.startswith(answer.text)
        assert (answer.finish_reason, len(answer.ids)) == ("length", most) or answer.text.endswith("lazy ")
    assert len(sampling.whole("ab " * 1_000_000, tokenizer, 10).ids) < tokens.BLOCK
    assert ("ab " * 1_000_000, tokenizer) not in sampling._wholes


def test_a_prompt_that_fits_nowhere_is_counted_no_further():
    got = chat([{"role": "user", "content": "a" * 3_000_000}], model=LARGE)
    assert got.code == "context_length_exceeded" and "you requested at least " in got.message
    assert tokens.count_prompt([("user", "bcd " * 1_000_000)], 1_000) < 1_000 + tokens.BLOCK


def test_answers_to_one_request_are_bounded_together():
    call = {"id": "abcdefghi", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    talk = [
        {"role": "user", "content": "Read the file."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "word and " * 5_000},
    ]
    assert chat(talk, model=LARGE, n=1).status == 200
    got = chat(talk, model=LARGE, n=16, logprobs=True, top_logprobs=20)
    assert (got.status, got.json["param"]) == (422, "n")


def test_a_cache_is_bounded_by_bytes():
    cache = BoundedCache(1_000)
    for number in range(100):
        assert cache.keep(number, "value", 150) == "value"
        assert cache.size == 150 * len(cache) <= 1_000
    cache.keep("large", "value", 251)
    assert "large" not in cache


def test_large_requests_leave_no_memory_behind():
    """While the quota has room, and while it refuses: 429 comes before the text is taken apart."""
    application = Application(Sessions([KEY], Quota(tokens=50_000)))
    statuses, filled = set(), [sampling._wholes, tokens._words_known, _understood, _counts]
    tracemalloc.start()
    try:
        for number in range(60):
            content = " ".join(f"w{number}x{at}" for at in range(6_000))
            body = {"model": LARGE, "messages": [{"role": "user", "content": content}]}
            statuses.add(send(json.dumps(body).encode(), application).status)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 40_000_000
    finally:
        tracemalloc.stop()
    assert statuses <= {200, 400, 429} and 429 in statuses
    assert all(cache.size <= cache.most for cache in filled)


def test_the_quota_comes_before_the_work_that_a_schema_decides(monkeypatch):
    application = Application(Sessions([KEY], Quota(requests=1, tokens=1_000)))
    parameters = {"type": "object", "properties": {"code": {"type": "string", "pattern": r"^([a-z]+)*\d$"}}}
    tool = {"type": "function", "function": {"name": "find", "parameters": parameters}}
    body = {"model": LARGE, "messages": [{"role": "user", "content": "find abcdefghijk"}], "tools": [tool]}
    assert send(json.dumps(body).encode(), application).status == 200
    monkeypatch.setattr(script_model, "work_out", None)  # to call it would be an error
    for number in range(3):  # each another body, so that none is known already
        body["messages"][0]["content"] += str(number)
        assert send(json.dumps(body).encode(), application).status == 429


async def test_an_answer_to_a_request_with_tools_is_kept(monkeypatch):
    """It is worked out beside the event loop, and kept as any other: bodies are remembered from the second time on."""
    worked, work_out = [], script_model.work_out
    monkeypatch.setattr(script_model, "work_out", lambda *given: worked.append(given) or work_out(*given))
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    body = {"model": LARGE, "messages": [{"role": "user", "content": "find it once"}], "tools": [tool]}
    request = post(ROUTE, json.dumps(body).encode(), {"authorization": f"Bearer {WIRE_KEY}"})
    async with serving() as server:
        statuses = [(await ask(server, request)).status for _ in range(5)]
        assert statuses == [200] * 5 and len(worked) == 2


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_no_body_is_kept_for_somebody_unknown(key):
    async with serving() as server:
        peers = []
        for _ in range(50):
            headers = {"authorization": f"Bearer {key}"} if key else {}
            whole = post(ROUTE, b"x" * 400_000, headers)
            peer = await connect(server)
            peers.append(peer.send(whole[:-1]))
        for peer in peers:
            got = await peer.get()
            assert (got.status, got["connection"]) == (401, "close")
        assert server.shared.held == 0
        assert not any(each.reader.body for each in server.peers if each.reader.parser)


async def test_bodies_that_are_not_whole_are_bounded_together():
    async with serving(limits=Limits(bodies=1_000_000)) as server:
        whole = wired("x" * 300_000)
        peers = [(await connect(server)).send(whole[:-1]) for _ in range(3)]
        await until(lambda: server.shared.held > 900_000)
        refused = (await connect(server)).send(whole[:-1])
        assert (await refused.get()).status == 503
        for peer in peers:
            assert (await peer.send(whole[-1:]).get()).status in (200, 400)
        await until(lambda: server.shared.held == 0)


async def test_a_large_request_is_answered_beside_the_event_loop():
    async with serving() as server:
        letters = random.Random(0)  # new words take 60 ms to count; numbers take 11 ms, which `until` may miss
        words = " ".join("".join(letters.choices(ascii_lowercase, k=8)) for _ in range(8_000))
        large = wired(f"What? {words}", model=LARGE)
        one, other = await connect(server), await connect(server)
        one.send(large)
        await until(lambda: any(peer.stream for peer in server.peers))
        assert (await other.send(wired()).get()).status == 200
        assert (await one.get()).status == 200
        assert (await one.send(wired(WIRE_KEY)).get()).status == 200
