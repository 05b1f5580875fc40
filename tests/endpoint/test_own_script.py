"""Scripts of one's own: what an exchange matches, what it answers, and what strict mode refuses."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest
from asking import AZURE, EXPERTS, KEY, LARGE, OPENAI, PROMPT, chat, get, new_application, send

from mistral_on_azure.catalog.script_format import Exchange, ScriptFile, read_toml
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.models.tokens import count
from mistral_on_azure.errors import CookbookError
from scripted import unknown_prompt

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def served(tmp_path):
    """Makes an application of scripts in TOML."""
    numbers = itertools.count()

    def serve(*scripts: str, strict: bool = False, **parts):
        files = []
        for text in scripts:
            files.append(tmp_path / f"script{next(numbers)}.toml")
            files[-1].write_text(text, encoding="utf-8")
        return new_application(model=Script(ScriptFiles(files, strict)), **parts)

    return serve


def add(application, *exchanges: dict, status: int = 200):
    got = send("POST", "/local/script", json.dumps(exchanges).encode(), application=application)
    assert got.status == status, got.body
    return got


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


def agent(application, prompt: str) -> str:
    """What an app does: it asks, calls the tool, and asks again with what it returned."""
    messages = [{"role": "user", "content": prompt}]
    first = chat(messages, tools=[WEATHER], model=LARGE, application=application).json["choices"][0]
    (call,) = first["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "-3 degrees"}
    messages += [{"role": "assistant", "content": "", "tool_calls": [call]}, result]
    return chat(messages, tools=[WEATHER], model=LARGE, application=application).text


def test_a_tool_is_called_and_its_result_answered(served):
    application = served(AGENT)
    assert agent(application, "The weather in Rome?") == "It is warm."
    assert agent(application, "What is the weather in Oslo?") == "-3 degrees outside."


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
    from mistral_on_azure.endpoint.transport.exchange import Request

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


STRICT = """
    [[exchange]]
    prompt = "Which city is the capital of France?"
    system = "Be brief."
    answers = ["Paris."]

    [[exchange]]
    prompt = "How tall is Mont Blanc?"
    answers = ["4,806 metres."]
"""


def test_an_unexpected_prompt_names_the_nearest_entry_and_what_differs(served):
    application = served(STRICT, strict=True)
    got = chat("Which city is the capital of Francia?", application=application)
    assert (got.status, got.code) == (400, "unexpected_prompt")
    assert "script0.toml, line 2: 'Which city is the capital of France?'" in got.message
    assert got.message.endswith("which has another prompt and another system.")
    got = chat("Which city is the capital of France?", application=application)
    assert got.message.endswith("which has another system.")
    assert chat("How tall is Mont Blanc?", application=application).text == "4,806 metres."
    assert chat(PROMPT, application=application).code == "unexpected_prompt"  # the endpoint's own script is not asked
    got = chat("The weather in Rome?", tools=[WEATHER], model=LARGE, application=application)
    assert got.code == "unexpected_prompt"  # and no tool is called by itself


def test_an_unexpected_prompt_is_an_error_of_each_kind(served):
    application = served(STRICT, strict=True, kind=Managed())
    got = chat("Else?", AZURE, application=application)
    assert got.status == 424 and got.headers["ms-azureml-model-error-statuscode"] == "400"
    assert "The nearest entry is in" in got.body.decode()
    application = served(STRICT, strict=True, kind=Foundry())
    got = chat(
        "Else?", "/openai/v1/chat/completions", model=next(iter(Foundry().deployments())), application=application
    )
    assert got.status == 400 and got.json["error"]["code"] == "unexpected_prompt"


def test_strictness_is_a_sessions_choice(served):
    application = served()
    for strict, code in (("true", 400), ("null", 200), ("true", 400), ("false", 200)):
        send("POST", "/local/session", f'{{"strict": {strict}}}'.encode(), application=application)
        assert {chat(PROMPT, application=application).status for _ in range(3)} == {code}


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


def test_a_session_has_exchanges_of_its_own_before_the_files(served):
    application = served('[[exchange]]\nprompt = "Who?"\nanswers = ["the file"]')
    wanted = {"pattern": "Who", "answers": ["the session"]}
    assert chat("Who?", application=application).text == "the file"
    assert add(application, wanted).json == [wanted] == get("/local/script", application=application).json
    assert {chat("Who?", application=application).text for _ in range(3)} == {"the session"}
    add(application, {"prompt": "Who?", "answers": ["exactly"]})
    assert chat("Who?", application=application).text == "exactly"
    send("DELETE", "/local/script", application=application)
    assert chat("Who?", application=application).text == "the file"


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        ({"prompt": "x"}, "exchange 1: an exchange answers with one of answers, calls, reply, or a fault."),
        ({"answers": ["x"]}, "exchange 1: an exchange has one of the keys prompt, pattern,"),
        ({"prompt": "x", "answer": "x"}, "exchange 1, answer: there is no such key."),
        ({"prompt": "x", "pattern": "x", "answers": ["x"]}, "a prompt or a pattern, not both"),
        ({"pattern": "(", "answers": ["x"]}, "the pattern '(' is no regular expression"),
        ({"pattern": "x", "answers": ["${y}"]}, "${y} is no group of the pattern"),
        ({"prompt": "x", "answers": [3]}, "exchange 1, answers 1: expected `str`, got `int`."),
        ({"prompt": "x", "answers": ["x"], "delay": -1}, "exchange 1, delay: expected `float` >= 0.0."),
        ({"prompt": "x", "answers": ["x"], "fault": "status=999"}, "exchange 1, fault: A fault's status is one of"),
        ({"prompt": "x", "fault": "status=429; count=1"}, "neither count"),
        ({"prompt": "x", "answers": ["x y z"], "logprobs": [-1.0]}, "1 log probabilities, and the answer has 3 tokens"),
        ({"prompt": "x", "answers": ["x"], "reply": [{"answer": "y"}]}, "answers or reply, not both"),
        (7, "exchange 1: expected `object`, got `int`."),
    ],
)
def test_what_is_wrong_with_an_exchange_is_said(served, exchange, says):
    application = served()
    got = add(application, exchange, status=400)
    assert got.code == "invalid_field" and says in got.message
    assert get("/local/script", application=application).json == []


def test_an_error_in_a_file_names_line_and_key(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '# Mine.\nunknown_prompt = """\n[[exchange]]\n"""\n\n[[exchange]]\nprompt = "a"\nanswers = [\n  "b",\n  3,\n]\n'
    )
    with pytest.raises(CookbookError, match=r"mine.toml, line 8: exchange 1, answers 2: expected `str`, got `int`."):
        read_toml(file, ScriptFile)
    file.write_text('[[exchange]]\nprompt = "a"\n[[exchange.reply]]\nanswer = "b"\nfault = "status=1"\n')
    with pytest.raises(CookbookError, match=r"mine.toml, line 5: A fault's status is one of"):
        ScriptFiles([file])
    file.write_text('[[exchange]]\nprompt = "a"\nanswers = ["b"\n[[exchange]]')
    with pytest.raises(CookbookError, match=r"mine.toml cannot be used: .*line 4"):
        ScriptFiles([file])
    with pytest.raises(CookbookError, match="There is no file"):
        ScriptFiles([tmp_path / "missing.toml"])


def test_a_pattern_has_little_time_for_a_clients_text(served):
    application = served("[[exchange]]\npattern = '(.+)(.+)(.+)(.+)\\1\\2\\3\\4[^a-c]'\nanswers = ['x']")
    got = chat("abc" * 300, application=application)
    assert (got.status, got.code) == (400, "pattern_too_slow")


def test_a_placeholder_makes_no_answer_of_any_length(served):
    application = served(f"[[exchange]]\npattern = '(?s)(.*)'\nanswers = ['{'${1}' * 200}']")
    assert chat("word " * 1000, application=application).status == 422


def test_the_filter_and_the_unknown_prompt_are_the_scripts(served):
    text = 'unknown_prompt = "I do not know."\n[content_filter]\nprompts = ["poison"]'
    application = served(text)
    assert chat("Else?", application=application).text == "I do not know."
    assert chat("How to make poison?", application=application).code == "content_filter"
    got = chat("How to make poison?", AZURE, application=served(text, kind=Managed()))
    assert got.status == 424 and b"content safety" in got.body


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_answers(tmp_path):
    file, now, told = tmp_path / "mine.toml", 0.0, []
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["one"]')
    files = ScriptFiles([file], tell=told.append, clock=lambda: now)
    application = new_application(model=Script(files))
    assert [chat("Who?", application=application).text for _ in range(3)] == ["one"] * 3
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["two!"]')
    assert chat("Who?", application=application).text == "one"  # it is looked at twice a second
    now += 0.6
    assert [chat("Who?", application=application).text for _ in range(2)] == ["two!"] * 2
    for text in ("[[exchange", None):
        file.write_text(text) if text else file.unlink()
        now += 0.6
        assert [chat("Who?", application=application).text for _ in range(2)] == ["two!"] * 2
    assert len(told) == 3 and "mine.toml cannot be used" in told[1] and "There is no file" in told[2]
    assert all(line.endswith("The answers from before stay.") and "\n" not in line for line in told[1:])


def test_any_text_is_matched_by_itself(served):
    """What a text may hold: quotes, line breaks, other scripts."""
    application = served()
    for text in ("a 'b' \"c\"", "one\ntwo", "Wie groß?", "多少？", "\\d+", "${1}"):
        add(application, {"prompt": text, "answers": [f"Answer to {text}"]})
        assert chat(text, application=application).text == f"Answer to {text}"


def test_exchanges_are_written_as_they_were_read():
    given = {"pattern": "x(y)?", "tools": True, "reply": [{"answer": "${1}"}, {"fault": {"status": 500}}]}
    assert json.loads(msgspec.json.encode(msgspec.convert(given, Exchange))) == given


def test_an_error_of_a_session_is_an_error_of_the_api():
    from mistral_on_azure.endpoint.models.session_script import MOST, SessionScript

    script = SessionScript()
    with pytest.raises(ApiError, match="at most 1,000 exchanges"):
        script.add([Exchange(prompt="x", answers=("y",))] * (MOST + 1))
    assert script.exchanges == ()
