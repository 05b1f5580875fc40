"""What requests share, the settings and the head, changes no answer: each is answered as if it were the only one."""

from __future__ import annotations

import itertools
import json

import pytest
from asking import KEY, OPENAI, PROMPT, chat, new_application

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.endpoint.models.script_model import KEPT, Wanted
from mistral_on_azure.endpoint.serving.chat import _settings
from mistral_on_azure.endpoint.transport.exchange import DONE, Chunks, Heads, Request, joined, size_of

SETTINGS = [
    {},
    {"max_tokens": 5},
    {"max_tokens": 5.0},
    {"max_tokens": True},
    {"stream": True},
    {"stream": 1},
    {"stream": "True"},
    {"temperature": 0, "max_tokens": 256},
    {"temperature": 0.0, "max_tokens": 256},
    {"temperature": 1.5, "seed": 3, "max_tokens": 256},
    {"logprobs": True, "top_logprobs": 2, "max_tokens": 9},
    {"n": 2, "temperature": 1.0, "max_tokens": 9},
    {"stop": ["ca"], "max_tokens": 256},
    {"user": None},
    {"seed": 2**70},
]
MESSAGES = [
    [{"role": "user", "content": PROMPT}],
    [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": PROMPT}],
    [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}],
    [{"role": "assistant", "content": PROMPT}],
    [{"role": "user"}],
    ["text"],
    [],
    None,
    "text",
]


def plainly(got) -> tuple[int, str]:
    """The answer without ids and times."""
    if got.status != 200:
        return got.status, got.body.decode()
    answers = got.chunks if got.headers["content-type"] == "text/event-stream" else [got.json]
    return got.status, json.dumps([{**each, "id": "", "created": 0} for each in answers])


def test_an_answer_does_not_depend_on_the_requests_before_it():
    asked = list(itertools.product(SETTINGS, MESSAGES))
    alone = []
    for settings, messages in asked:
        _settings.clear()
        alone.append(plainly(chat(messages, application=new_application(), **settings)))
    together = new_application()
    for order in (asked, asked[::-1]):
        answers = [plainly(chat(messages, application=together, **settings)) for settings, messages in order]
        assert (answers if order is asked else answers[::-1]) == alone


def test_of_two_wrong_parameters_the_first_one_is_named():
    for first, second in itertools.permutations({"messages": "no list", "n": 0, "top_p": 2}.items(), 2):
        body = json.dumps(dict([first, second])).encode()
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        answer = new_application().answer(Request("POST", OPENAI, "", headers, body))
        assert json.loads(answer.body)["param"] == first[0]


def test_a_script_that_changes_answers_the_same_settings_anew(served):
    application = served('[[exchange]]\nprompt = "Who?"\nanswers = ["First."]')
    assert [chat("Who?", application=application, max_tokens=9).text for _ in range(3)] == ["First."] * 3
    application.sessions.of_key(KEY).script.add([Exchange(prompt="Who?", answers=("Second.",))])
    assert [chat("Who?", application=application, max_tokens=9).text for _ in range(3)] == ["Second."] * 3


def test_what_is_kept_for_the_same_settings_is_limited(served):
    script = "\n".join(f'[[exchange]]\nprompt = "{n}?"\nanswers = ["{"word " * 500}{n}"]' for n in range(40))
    application = served(script)
    for number in range(40):
        assert chat(f"{number}?", application=application, max_tokens=4_000).text.endswith(f" {number}")
    (wanted,) = (each.kept for each in _settings.values() if each.parameters == {"max_tokens": 4_000})
    assert 0 < len(wanted.known) < 40 and 0 <= wanted.room < KEPT


def test_a_head_that_is_refused_is_refused_each_time():
    application, heads = new_application(), Heads()
    for more, status in ((b"extra-parameters: perhaps", 400), (b"content-type: text/plain", 415)):
        body = json.dumps({"messages": MESSAGES[0]}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n" + more + b"\r\n\r\n"
        named = dict([more.decode().split(": ")], authorization=f"Bearer {KEY}")
        heads.remember(head + body, Request("POST", OPENAI, "", named, body))
        assert [application.answer(heads.recall(head + body)).status for _ in range(3)] == [status] * 3


def test_a_fault_of_a_head_is_counted_by_its_requests():
    application, known = new_application(), {}
    headers = {"authorization": f"Bearer {KEY}", "x-local-fault": "status=503; count=2"}
    body = json.dumps({"messages": MESSAGES[0]}).encode()
    sent = [application.answer(Request("POST", OPENAI, "", headers, body, known)).status for _ in range(4)]
    assert sent == [503, 503, 200, 200]


@pytest.mark.parametrize("tails", [(b"1}\n\n",), (b"1}\n\n", b"22}\n\n", b"3}\n\n")])
def test_chunks_are_the_events_that_they_stand_for(tails):
    chunks = Chunks(b"data: {", tails, sum(map(len, tails)))
    written = (*(b"data: {" + tail for tail in tails), DONE)
    assert (tuple(chunks), len(chunks), chunks[-1], chunks[:1]) == (written, len(written), DONE, written[:1])
    assert joined(chunks) == joined(written)
    assert size_of(chunks) == size_of(written)


def test_a_completion_is_kept_where_no_prompt_changes_it():
    deployment = next(iter(deployments().values()))
    for settings, greedy in (({}, False), ({"max_tokens": 9}, True), ({"max_tokens": 9, "temperature": 1.0}, False)):
        assert Wanted(deployment, settings).greedy is greedy
