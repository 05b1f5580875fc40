"""What a session is told over HTTP: which of its exchanges are asked first, and what it keeps of refusals."""

from __future__ import annotations

from asking import chat, get, send
from own_scripts import add, agent

from mistral_on_azure.endpoint.models.script_layers import MOST_REFUSED

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
