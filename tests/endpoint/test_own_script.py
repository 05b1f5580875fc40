"""Scripts of one's own: what an exchange matches, what it answers, and how replies follow each other."""

from __future__ import annotations

import json

import pytest
from asking import AZURE, EXPERTS, KEY, LARGE, OPENAI, PROMPT, WEATHER, agent, chat, get, send

from mistral_on_azure.catalog.script_format import MATCHERS, compiled
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.models.script_entries import MOST_FILLED, PATIENCE, Watch
from mistral_on_azure.endpoint.models.script_files import own_layer, recipes_layer
from mistral_on_azure.endpoint.models.script_layers import MOST_PATTERNS
from mistral_on_azure.endpoint.models.tokens import count
from mistral_on_azure.endpoint.transport.exchange import Request
from scripted import unknown_prompt


def test_an_exact_prompt_goes_before_a_pattern_and_more_keys_before_fewer(served):
    application = served("""
        [[exchange]]
        pattern = "weather"
        answers = ["pattern"]
        [[exchange]]
        prompt = "The weather?"
        answers = ["prompt"]
        [[exchange]]
        prompt = "The weather?"
        system = "Be brief."
        answers = ["prompt and system"]
    """)
    ask = [{"role": "user", "content": "The weather?"}]
    assert chat(ask, application=application).text == "prompt"
    assert chat([{"role": "system", "content": "Be brief."}, *ask], application=application).text == "prompt and system"
    assert chat([{"role": "system", "content": "Else."}, *ask], application=application).text == "prompt"
    assert chat("What weather is it?", application=application).text == "pattern"
    assert chat(PROMPT, application=application).text.startswith("As of now")  # the endpoint's own script comes last


def test_several_files_are_one_script(served):
    application = served(
        '[[exchange]]\npattern = "Hello"\nanswers = ["one"]\n[[exchange]]\nprompt = "Who?"\nanswers = ["one"]',
        '[[exchange]]\nprompt = "Hello"\nanswers = ["two"]\n[[exchange]]\nprompt = "Who?"\nanswers = ["two"]',
    )
    assert chat("Hello", application=application).text == "two"  # an exact prompt before a pattern, in whatever file
    assert chat("Who?", application=application).text == "one"


def test_every_key_has_to_fit(served):
    application = served(f"""
        [[exchange]]
        prompt = "Who?"
        deployment = "{LARGE}"
        tools = true
        answers = ["large, with tools"]
        [[exchange]]
        prompt = "Who?"
        deployment = "{EXPERTS}"
        answers = ["experts"]
    """)
    assert chat("Who?", model=LARGE, tools=[WEATHER], application=application).text == "large, with tools"
    assert chat("Who?", model=EXPERTS, application=application).text == "experts"
    assert chat("Who?", model=LARGE, application=application).text == unknown_prompt()


def test_an_answer_has_a_bounded_number_of_characters(served):
    """As it is written, and with its placeholders filled: of all texts and arguments together."""
    application, most = served(""), MOST_FILLED
    for exchange in ({"answers": ["a" * (most + 1)]}, {"calls": [{"name": "f", "arguments": {"a": ["a" * most]}}]}):
        got = send("POST", "/local/script", json.dumps({"prompt": "big", **exchange}).encode(), application=application)
        assert got.status == 400 and "this session's script" in got.message and "100,000 characters" in got.message
    filled = [
        {"pattern": "text (.*)", "answers": ["${1}"] * 50},
        {"pattern": "call (.*)", "calls": [{"name": "f", "arguments": {str(at): "${1}" for at in range(50)}}]},
    ]
    assert send("POST", "/local/script", json.dumps(filled).encode(), application=application).status == 200
    for words, status in (("few", 200), ("many " * 1_000, 422)):
        for kind, tools in (("text", []), ("call", [WEATHER])):
            got = chat(f"{kind} {words}", model=LARGE, tools=tools, application=application)
            assert got.status == status and (status == 200 or "too long" in got.message)


def test_a_session_has_a_bounded_number_of_patterns(served):
    application = served("")
    for number, status in ((MOST_PATTERNS, 200), (1, 400)):
        pairs = range((number + 1) // 2)
        wanted = [{"pattern": f"x{at} {number}", "last": f"y{at}", "answers": ["a"]} for at in pairs]
        got = send("POST", "/local/script", json.dumps(wanted).encode(), application=application)
        assert got.status == status
    assert "at most 100 patterns" in got.message
    assert compiled.cache_info().maxsize is not None


def test_patterns_share_their_time():
    watch = Watch()
    assert watch.search("b", "abc") and 0 < watch.left < PATIENCE
    watch.left = 0
    with pytest.raises(ApiError, match="more than 20 ms"):
        watch.search("b", "abc")


def test_placeholders_are_filled_in_texts_and_arguments(served):
    application = served(r"""
        [[exchange]]
        pattern = '(?i)weather in (?P<city>\w+)(?: on (\w+))?'
        calls = [{name = "get_weather", arguments = {city = "${city}", days = ["${2}", 3]}}]
        [[exchange]]
        pattern = 'Say (\w+)'
        answers = ["${1}, ${1}! $${1}"]
    """)
    got = chat("The weather in Paris on Monday", tools=[WEATHER], model=LARGE, application=application)
    choice = got.json["choices"][0]
    call = choice["message"]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris", "days": ["Monday", 3]})
    assert choice["finish_reason"] == "tool_calls"
    assert chat("Say hello", application=application).text == "hello, hello! ${1}"


AGENT = r"""
    [[exchange]]
    prompt = "The weather in Rome?"
    [[exchange.reply]]
    calls = [{name = "get_weather", arguments = {city = "Rome"}}]
    [[exchange.reply]]
    answer = "It is warm."
    [[exchange]]
    pattern = "weather in Oslo"
    calls = [{name = "get_weather", arguments = {city = "Oslo"}}]
    [[exchange]]
    last = '^(?P<degrees>-?\d+) degrees$'
    answers = ["${degrees} degrees outside."]
"""


def test_a_tool_is_called_and_its_result_answered(served):
    application = served(AGENT)
    assert agent(application, "The weather in Rome?") == "It is warm."
    assert agent(application, "What is the weather in Oslo?") == "-3 degrees outside."


TWO = r"""
    [[exchange]]
    last = '^(?P<rome>-?\d+) degrees\n(?P<oslo>-?\d+) degrees$'
    answers = ["${rome} in Rome, ${oslo} in Oslo."]
"""


def test_an_answer_can_have_all_results_of_a_round(served):
    call = {"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    talk = [
        {"role": "user", "content": "Rome and Oslo?"},
        {"role": "assistant", "tool_calls": [{**call, "id": "aaaaaaaaa"}, {**call, "id": "bbbbbbbbb"}]},
        {"role": "tool", "tool_call_id": "aaaaaaaaa", "content": "18 degrees"},
        {"role": "tool", "tool_call_id": "bbbbbbbbb", "content": "-3 degrees"},
    ]
    assert chat(talk, model=LARGE, application=served(TWO)).text == "18 in Rome, -3 in Oslo."


def test_a_sequence_belongs_to_a_session_and_its_last_reply_stays(served):
    application = served("""
        [[exchange]]
        prompt = "Next?"
        [[exchange.reply]]
        answer = "one"
        [[exchange.reply]]
        answer = "two"
    """)
    for _ in range(2):  # the body is the same each time, and remembered
        assert [chat("Next?", application=application).text for _ in range(4)] == ["one", "two", "two", "two"]
        assert send("DELETE", "/local/script", application=application).json == []


def test_a_request_that_the_quota_refuses_has_had_no_reply(served):
    application = served('[[exchange]]\nprompt = "Next?"\nreply = [{answer = "one"}, {answer = "two"}, {answer = "3"}]')
    send("POST", "/local/session", b'{"requests_per_minute": 1}', application=application)
    assert chat("Next?", application=application).text == "one"
    assert {chat("Next?", application=application).status for _ in range(3)} == {429}
    send("POST", "/local/session", b'{"requests_per_minute": null}', application=application)
    assert chat("Next?", application=application).text == "two"


@pytest.mark.parametrize("asked", ['"status=429; retry_after=7"', "{status = 429, retry_after = 7}"])
def test_a_reply_may_be_a_fault(served, asked):
    application = served(f"""
        [[exchange]]
        prompt = "Fail?"
        [[exchange.reply]]
        fault = {asked}
        [[exchange.reply]]
        answer = "Never."
        fault = "answer=truncated; count=1"
        [[exchange.reply]]
        answer = "No."
        delay = 2
    """)
    got = chat("Fail?", application=application)
    assert (got.status, got.headers["retry-after"], got.code) == (429, "7", "rate_limit_exceeded")
    with pytest.raises(ValueError):
        assert chat("Fail?", application=application).json
    assert chat("Fail?", application=application).text == "No."
    last = get("/local/exchanges?last=3", application=application).json
    assert [each["note"] for each in last] == ["Fault: status 429.", "Fault: JSON truncated.", ""]


def test_a_fault_beside_an_answer_counts_as_in_the_header(served):
    application = served('[[exchange]]\nprompt = "Fail?"\nfault = "status=503; count=2"\nanswers = ["No."]')
    assert [chat("Fail?", application=application).status for _ in range(3)] == [503, 503, 200]


def test_a_delay_is_that_of_the_answer(served):
    application = served('[[exchange]]\nprompt = "Slow?"\nanswers = ["Yes."]\ndelay = 2.5')
    headers = {"authorization": f"Bearer {KEY}", "x-local-timing": "first-token=1"}
    body = b'{"messages": [{"role": "user", "content": "Slow?"}]}'
    for path in (AZURE, OPENAI):
        answer = application.answer(Request("POST", path, "", headers, body))
        assert answer.delay == 3.5
        assert application.answer(Request("POST", path, "", {**headers, "x-local-timing": "off"}, body)).delay == 2.5


def test_finish_reason_and_log_probabilities_are_the_scripts(served):
    text = "Yes."
    application = served(f"""
        [[exchange]]
        prompt = "Sure?"
        answers = ["{text}"]
        finish_reason = "content_filter"
        logprobs = [{{logprob = -0.5, top = {{No = -1.2}}}}, {", ".join(["-0.25"] * (count(text) - 1))}]
        [[exchange]]
        pattern = "really (.*)"
        answers = ["${{1}} yes"]
        logprobs = -2
    """)
    choice = chat("Sure?", logprobs=True, top_logprobs=3, application=application).json["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    first, *others = choice["logprobs"]["content"]
    assert first["logprob"] == -0.5 and [each["token"] for each in first["top_logprobs"]] == [first["token"], "No"]
    assert {each["logprob"] for each in others} == {-0.25}
    whole = chat("really so", logprobs=True, application=application).json["choices"][0]
    assert {each["logprob"] for each in whole["logprobs"]["content"]} == {-2.0} and whole["finish_reason"] == "stop"
    short = chat("Sure?", max_tokens=1, application=application).json["choices"][0]
    assert short["finish_reason"] == "length"  # the limit has the last word


def test_text_that_is_json_stays_as_it_is_in_json_mode(served):
    application = served('[[exchange]]\nprompt = "JSON?"\nanswers = [\'{"a": 1}\']', kind=Foundry())
    name = next(name for name, each in Foundry().deployments().items() if each.json)
    path, wanted = "/openai/v1/chat/completions", {"type": "json_object"}
    got = chat("JSON?", path, model=name, response_format=wanted, application=application)
    assert got.text == '{"a": 1}'
    assert json.loads(chat("Else?", path, model=name, response_format=wanted, application=application).text)["answer"]


def test_all_kinds_answer_from_the_same_script(served):
    text = '[[exchange]]\npattern = "capital of (?P<land>[A-Z][a-z]+)"\nanswers = ["The capital of ${land}."]'
    for kind, path, more in (
        (Managed(), AZURE, {}),
        (Foundry(), "/models/chat/completions", {"model": next(iter(Foundry().deployments()))}),
    ):
        got = chat("What is the capital of Chad?", path, application=served(text, kind=kind), **more)
        assert (got.status, got.text) == (200, "The capital of Chad.")


def test_faults_and_sequences_on_managed_compute(served):
    application = served(
        """
        [[exchange]]
        prompt = "Fail?"
        [[exchange.reply]]
        fault = "model_status=503"
        [[exchange.reply]]
        answer = "Cut."
        fault = "reset=within"
        [[exchange.reply]]
        answer = "No."
        finish_reason = "length"
        """,
        kind=Managed(concurrent=8),
    )
    first, second, third = (chat("Fail?", AZURE, application=application) for _ in range(3))
    assert first.status == 424 and first.headers["ms-azureml-model-error-statuscode"] == "503"
    assert second.text == "Cut." and third.text == "No." and third.json["choices"][0]["finish_reason"] == "length"
    notes = [each["note"] for each in get("/local/exchanges?last=3", application=application).json]
    assert notes[1] == "Fault: connection reset within the answer."


def test_no_two_exchanges_of_the_cookbook_are_for_the_same_requests():
    """The recipes' scripts are served together, after script.toml: one of two with the same keys is never found."""
    first, others = own_layer().entries, recipes_layer().entries
    keys = [tuple(getattr(entry.exchange, name) for name in MATCHERS) for entry in others]
    twice = [f"{entry.where}: {key}" for key, entry in zip(keys, others, strict=True) if keys.count(key) > 1]
    assert not twice, "\n".join(twice)
    prompts = {entry.exchange.prompt for entry in first}
    assert None not in prompts and not [entry.where for entry in others if entry.exchange.prompt in prompts]
