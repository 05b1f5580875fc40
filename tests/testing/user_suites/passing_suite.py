"""A user's tests that pass; `test_pytest_plugin.py` runs them, in this order, in a session of their own."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import sys
import threading
import time
import urllib.error
from urllib.parse import urlsplit

import pytest
from app_under_test import ask

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
LARGE = "mistralai-Mixtral-8x22B-Instruct-v0-1"
PLACES = set()


def test_without_the_fixture_nothing_of_it_is_imported():
    loaded = {name for name in sys.modules if name.startswith("mistral_on_azure.")}
    assert loaded == {"mistral_on_azure.testing", "mistral_on_azure.testing.plugin"}


def test_answers_and_what_they_cost(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.quota(requests_per_minute=2)
    assert ask("Hello") == ask("Hello", temperature=0.5) == "Hi"
    azure_endpoint.fail(status=503, times=9)
    first, second = azure_endpoint.requests
    assert (first.prompt, first.text, first.parameters, second.parameters) == ("Hello", "Hi", {}, {"temperature": 0.5})
    assert first.tokens == 4 + 1 and azure_endpoint.tokens_used == 2 * first.tokens
    assert first.headers["authorization"] == "Bearer ***"


def test_nothing_is_left_of_the_test_before(azure_endpoint):
    assert azure_endpoint.requests == [] and azure_endpoint.tokens_used == 0
    azure_endpoint.answer("Hello", "Good day")
    assert [ask("Hello") for _ in range(5)] == ["Good day"] * 5


def test_answers_in_turn(azure_endpoint):
    azure_endpoint.answer("Hello", "first", "second", "last")
    assert [ask("Hello") for _ in range(4)] == ["first", "second", "last", "last"]


@pytest.mark.parametrize("number", range(3))
def test_an_app_may_keep_its_client_for_all_tests(azure_endpoint, number):
    PLACES.add((azure_endpoint.url, azure_endpoint.key))
    assert len(PLACES) == 1


def test_a_tool_is_called_with_what_the_pattern_found(azure_endpoint):
    azure_endpoint.call_tool(re.compile(r"weather in (?P<city>\w+)", re.IGNORECASE), "weather", {"city": "${city}"})
    assert not ask("The WEATHER in Paris?", tools=[TOOL], model=LARGE)
    (sent,) = azure_endpoint.requests
    assert sent.calls == [("weather", {"city": "Paris"})] and sent.parameters["tools"] == [TOOL]


def test_a_stream(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi there")
    with pytest.raises(ValueError):
        ask("Hello", stream=True)  # the app reads no streams
    (sent,) = azure_endpoint.requests
    assert sent.text == "Hi there" and sent.tokens == azure_endpoint.tokens_used > 4


def test_a_fault_and_then_the_answer(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.fail(status=429, times=2, retry_after=1)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask("Hello")
        assert caught.value.code == 429 and caught.value.headers["Retry-After"] == "1"
    assert ask("Hello") == "Hi"
    assert [sent.status for sent in azure_endpoint.requests] == [429, 429, 200]
    assert azure_endpoint.requests[0].error["code"] == "rate_limit_exceeded"


def test_a_connection_that_is_reset(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.fail(reset="before")
    with pytest.raises(OSError):
        ask("Hello")
    assert azure_endpoint.requests[0].status is None


def test_a_quota(azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.quota(requests_per_minute=1)
    ask("Hello")
    with pytest.raises(urllib.error.HTTPError, match="429"):
        ask("Hello")


def test_mistakes_get_a_line(azure_endpoint):
    with pytest.raises(Exception, match="status"):
        azure_endpoint.fail(status=418)
    with pytest.raises(Exception, match="no regular expression"):
        azure_endpoint.answer(re.compile("(?P<x>a)"), "Hi", last="(")
    with pytest.raises(Exception, match="no kind 'nope'"):
        azure_endpoint.as_kind("nope")


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda endpoint: endpoint.fail(), "Name a fault, such as status=503"),
        (lambda endpoint: endpoint.fail(times=2, retry_after=1), "Name a fault"),
        (lambda endpoint: endpoint.fail(statsu=429), "statsu"),
        (lambda endpoint: endpoint.answer(re.compile(b"a"), "Hi"), "a compiled pattern of a text, not re.compile"),
        (lambda endpoint: endpoint.answer(re.compile("a", re.DEBUG), "Hi"), "the flags a, i, m, s, x, not re.DEBUG"),
        (lambda endpoint: endpoint.answer("Hello", b"Hi"), "must be JSON"),
        (lambda endpoint: endpoint.answer("Hello", "one", "two", delay=-1), "exchange 1, reply 1, delay: expected"),
        (lambda endpoint: endpoint.script("missing.toml"), "There is no file missing.toml"),
    ],
)
def test_a_mistake_changes_nothing(azure_endpoint, mistake, says):
    with pytest.raises(Exception, match=re.escape(says)) as raised:
        mistake(azure_endpoint)
    assert type(raised.value).__name__ == "CookbookError"
    azure_endpoint.answer("Hello", "Hi")
    assert ask("Hello") == "Hi"


def test_a_file_is_read_and_its_mistakes_have_a_line(azure_endpoint, tmp_path):
    file = tmp_path / "answers.toml"
    text = '[[exchange]]\nprompt = "Hello"\nanswers = ["Hi"]\n'
    file.write_text(text)
    azure_endpoint.script(str(file))
    assert ask("Hello") == "Hi"
    file.write_text(f'{text}[[exchange]]\nprompt = "a"\nfault = "status=999"\n')
    with pytest.raises(Exception, match=r"answers.toml, line 6: .*A fault's status is one of"):
        azure_endpoint.script(file)


def test_what_is_told_last_counts(azure_endpoint):
    azure_endpoint.answer("Hello", "a default of all tests")
    azure_endpoint.answer(re.compile("."), "a default for all prompts")
    azure_endpoint.answer("Hello", "Hi")
    azure_endpoint.answer(re.compile("Good"), "Bye", "Bye bye", delay=0.1)
    begun = time.monotonic()
    assert [ask(prompt) for prompt in ("Hello", "Good bye", "Good bye", "Else")] == [
        "Hi", "Bye", "Bye bye", "a default for all prompts",
    ]  # fmt: skip
    assert time.monotonic() - begun >= 0.2


def test_a_call_and_then_a_text_whichever_was_told_first(azure_endpoint):
    azure_endpoint.answer("Go", "done")
    azure_endpoint.call_tool("Go", "weather", {"day": 1})
    azure_endpoint.call_tool("Go", "weather", {"day": 2})
    ask("Go", tools=[TOOL], model=LARGE)
    (sent,) = azure_endpoint.requests
    assert sent.calls == [("weather", {"day": 2})] and ask("Go") == "done"


def test_a_pattern_keeps_its_flags(azure_endpoint):
    azure_endpoint.answer(re.compile(r"^\w+$"), "any letters")
    azure_endpoint.answer(re.compile(r"^\w+$", re.ASCII), "letters of English")
    assert ask("Grüße") == "any letters" and ask("Hello") == "letters of English"


def test_more_requests_than_are_kept(azure_endpoint):
    connection = http.client.HTTPConnection(urlsplit(azure_endpoint.url).netloc)
    for _ in range(1_001):
        connection.request("GET", "/info", headers={"Authorization": f"Bearer {azure_endpoint.key}"})
        assert connection.getresponse().read()
    connection.close()
    assert azure_endpoint.report().startswith("The last 1,000 of 1,001 requests:\nGET /info -> 200\n")
    with pytest.raises(Exception, match="1,001 requests, and only the last 1,000 are kept"):
        azure_endpoint.requests  # noqa: B018


def test_unknown_prompts_may_be_allowed(azure_endpoint):
    azure_endpoint.allow_unknown_prompts()
    assert "languages" in ask("How many languages are in the world?")


def test_another_kind(azure_endpoint):
    endpoint = azure_endpoint.as_kind("managed")
    assert endpoint is azure_endpoint and os.environ["AZURE_INFERENCE_ENDPOINT"] == endpoint.url
    endpoint.answer("Hello", "Hi")
    assert ask("Hello") == "Hi" and endpoint.requests[0].tokens == endpoint.tokens_used > 0
    endpoint.fail(model_status=503)
    with pytest.raises(urllib.error.HTTPError, match="424"):
        ask("Hello")


def test_each_kind_counts(azure_endpoint):
    places = []
    for kind in ("managed", "serverless", "serverless"):
        places.append(azure_endpoint.as_kind(kind).url)
        azure_endpoint.answer("Hello", kind)
        assert ask("Hello") == kind
    assert places[1] == places[2]
    assert [sent.text for sent in azure_endpoint.requests] == ["managed", "serverless", "serverless"]
    assert azure_endpoint.tokens_used == sum(sent.tokens for sent in azure_endpoint.requests) > 15


def test_the_usual_kind_again(azure_endpoint):
    assert azure_endpoint.kind == "serverless" and "127.0.0.1" in os.environ["NO_PROXY"]


def test_many_at_once(azure_endpoint):
    for number in range(20):
        azure_endpoint.answer(f"Hello {number}", f"Hi {number}")

    async def main() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(ask, f"Hello {number}") for number in range(20)))

    assert asyncio.run(main()) == [f"Hi {number}" for number in range(20)]
    assert len(azure_endpoint.requests) == 20


def test_one_that_ends_before_its_answer(azure_endpoint):
    azure_endpoint.answer("Slow", "late", delay=0.6)
    threading.Thread(target=ask, args=("Slow",), daemon=True).start()
    time.sleep(0.3)


def test_a_late_answer_leaves_no_trace_in_the_next_test(azure_endpoint):
    time.sleep(0.8)
    assert azure_endpoint.requests == [] and azure_endpoint.tokens_used == 0


def test_the_users_own_variables_are_back():
    assert os.environ["AZURE_INFERENCE_ENDPOINT"] == "https://example.org" and os.environ["NO_PROXY"] == ""
    assert "AZURE_INFERENCE_CREDENTIAL" not in os.environ
