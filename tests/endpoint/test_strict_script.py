"""Strict mode, the exchanges of a session and what it keeps of refusals, and files that change."""

from __future__ import annotations

import pytest
from asking import AZURE, EXPERTS, LARGE, PROMPT, WEATHER, add, agent, chat, get, new_application, send

from mistral_on_azure.azure import http
from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_layers import MOST, MOST_REFUSED, SessionScript
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.upkeep.faults.calls import CALLS, Call
from scripted import unknown_prompt

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
    assert got.message.endswith("which has another prompt and another system ('Be brief.', and the request has none).")
    got = chat("Which city is the capital of France?", application=application)
    assert got.message.endswith("which has another system ('Be brief.', and the request has none).")
    assert chat("How tall is Mont Blanc?", application=application).text == "4,806 metres."
    assert chat(PROMPT, application=application).code == "unexpected_prompt"  # the endpoint's own script is not asked
    got = chat("The weather in Rome?", tools=[WEATHER], model=LARGE, application=application)
    assert got.code == "unexpected_prompt"  # and no tool is called by itself


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (f'deployment = "{EXPERTS}"', f", which has another deployment ('{EXPERTS}', and the request has '{LARGE}')."),
        ('system = "Be long."', ", which has another system ('Be long.', and the request has 'Be brief.')."),
        ("tools = true", ", which has tools = true (the request has none)."),
        ('last = "a+"', ": 'a+', which has a pattern ('a+') that is not found in the last message ('Hello')."),
        (
            'pattern = "b+"\nlast = "a+"',
            ": 'b+', which has a pattern ('a+') that is not found in the last message ('Hello')"
            " and a pattern that is not found in the prompt.",
        ),
    ],
)
def test_the_nearest_entry_is_named_by_what_it_has(served, keys, says):
    application = served(f"[[exchange]]\n{keys}\nanswers = ['x']", strict=True)
    ask = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    got = chat(ask, model=LARGE, application=application)
    assert got.message.endswith(f"script0.toml, line 1{says}")


def test_an_empty_script_says_so(served):
    got = chat("Hello", application=served("", strict=True))
    assert got.message == "The script has no answer to the prompt 'Hello': the script is empty."


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


@pytest.mark.parametrize("kind", ["serverless", "managed"])
def test_no_client_asks_again_for_what_is_unexpected(kind):
    with start([name * 8 for name in CALLS], kind=kind, deployment=EXPERTS, strict=True) as endpoint:
        for name, complete in CALLS.items():
            with pytest.raises(Exception) as raised:
                complete(Call(endpoint.url, name * 8))
            if name != "webrequests":  # whose error has no body in it
                assert "The script has no answer to the prompt" in str(raised.value), name
            spent = http.request("GET", f"{endpoint.url}/local/session", name * 8).json()
            assert spent["calls"] == 1, name


def test_strictness_is_a_sessions_choice(served):
    application = served()
    for strict, code in (("true", 400), ("null", 200), ("true", 400), ("false", 200)):
        send("POST", "/local/session", f'{{"strict": {strict}}}'.encode(), application=application)
        assert {chat(PROMPT, application=application).status for _ in range(3)} == {code}


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
        ({"pattern": "(", "answers": ["x"]}, "exchange 1, pattern: the pattern '(' is no regular expression"),
        ({"pattern": "x", "answers": ["${y}"]}, "exchange 1, answers 1: ${y} is no group of the pattern"),
        ({"prompt": "x", "answers": [3]}, "exchange 1, answers 1: expected `str`, got `int`."),
        ({"prompt": "x", "answers": ["x"], "delay": -1}, "exchange 1, delay: expected `float` >= 0.0."),
        ({"prompt": "x", "answers": ["x"], "fault": "status=999"}, "exchange 1, fault: A fault's status is one of"),
        ({"prompt": "x", "fault": "status=429; count=1"}, "must not have count"),
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


def test_a_pattern_has_little_time_for_a_clients_text(served):
    application = served("[[exchange]]\npattern = '(.+)(.+)(.+)(.+)\\1\\2\\3\\4[^a-c]'\nanswers = ['x']")
    got = chat("abc" * 300, application=application)
    assert (got.status, got.code) == (400, "pattern_too_slow")


def test_a_slow_pattern_of_the_nearest_entry_is_no_reason_to_hide_what_else_differs(served):
    slow = "pattern = '(.+)(.+)(.+)(.+)\\1\\2\\3\\4[^a-c]'"
    application = served(f"[[exchange]]\n{slow}\nsystem = 'Be kind.'\nanswers = ['x']", strict=True)
    got = chat("abc" * 300, application=application)
    assert (got.status, got.code) == (400, "unexpected_prompt")
    assert "another system ('Be kind.', and the request has none) and a pattern that takes too long" in got.message
    assert get("/local/session", application=application).json["refused"] == [got.message]


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


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_answers(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["one"]')
    application = new_application(model=Script(ScriptFiles([file])))
    assert [chat("Who?", application=application).text for _ in range(3)] == ["one"] * 3
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["two!"]')
    assert [chat("Who?", application=application).text for _ in range(2)] == ["two!"] * 2
    for text in ("[[exchange", None):
        file.write_text(text) if text else file.unlink()
        assert [chat("Who?", application=application).text for _ in range(2)] == ["two!"] * 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3 and "mine.toml cannot be used" in told[1] and "There is no file" in told[2]
    assert all(line.endswith("The answers from before stay.") for line in told[1:])


def test_any_text_is_matched_by_itself(served):
    """What a text may hold: quotes, line breaks, other scripts."""
    application = served()
    for text in ("a 'b' \"c\"", "one\ntwo", "Wie groß?", "多少？", "\\d+", "${1}"):
        add(application, {"prompt": text, "answers": [f"Answer to {text}"]})
        assert chat(text, application=application).text == f"Answer to {text}"


def test_an_error_of_a_session_is_an_error_of_the_api():
    script = SessionScript()
    with pytest.raises(ApiError, match="at most 1,000 exchanges"):
        script.add([Exchange(prompt="x", answers=("y",))] * (MOST + 1))
    assert script.exchanges == ()


CALL = {"prompt": "Rome?", "calls": [{"name": "get_weather", "arguments": {"city": "Rome"}}]}


def test_what_a_session_is_told_last_is_asked_first(served):
    application = served()
    add(application, {"pattern": "Who", "answers": ["one"]}, {"pattern": "W", "answers": ["never"]})
    add(application, {"pattern": "Who", "answers": ["two"]})
    assert chat("Who?", application=application).text == "two"
    add(application, {"pattern": ".", "answers": ["three"]})
    assert chat("Who?", application=application).text == "three"
    patterns = [exchange["pattern"] for exchange in get("/local/script", application=application).json]
    assert patterns == [".", "Who", "W"]  # the first answer to Who is gone


def test_a_call_stands_beside_the_text_that_follows_it(served):
    application = served()
    for exchange, says in (
        (CALL, None),
        ({"prompt": "Rome?", "answers": ["Sun."]}, "Sun."),
        ({"prompt": "Rome? ", "answers": ["Rain."]}, "Rain."),
        (CALL, "Rain."),
    ):
        add(application, exchange)
        if says:
            assert agent(application, "Rome?") == says
    assert len(get("/local/script", application=application).json) == 2


def test_a_session_says_what_was_unexpected(served):
    application = served(strict=True)
    for number in range(MOST_REFUSED + 5):
        chat(f"Number {number}?", application=application)
    spent = get("/local/session", application=application).json
    assert spent["calls"] == MOST_REFUSED + 5 and len(spent["refused"]) == MOST_REFUSED
    assert "'Number 0?'" in spent["refused"][0]
    again = send("DELETE", "/local/session", application=application).json
    assert again["calls"] == 0 and again["refused"] == [] and again["refused_ever"] == spent["refused"]


def test_one_table_of_calls_is_for_requests_with_tools(served):
    application = served('[[exchange]]\nprompt = "Who?"\nreply = [{calls = [{name = "get_weather"}]}]')
    assert chat("Who?", model=LARGE, application=application).text == unknown_prompt()
    called = chat("Who?", model=LARGE, tools=[WEATHER], application=application).json["choices"][0]
    assert called["finish_reason"] == "tool_calls"
