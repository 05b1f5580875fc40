"""What an error says of a request is short, however long the request is, and no request makes the endpoint fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
from asking import KEY, OPENAI, Got, send
from managed_compute import managed
from raw import KEY as WIRE_KEY
from raw import PROMPT, ROUTE, ask, post, serving
from raw import get as wire

from mistral_on_azure.endpoint.api_errors import SHOWN, TOLD, ApiError, shown
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.bounds import LARGE as LARGE_BODY
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.gateway.quota import QuotaExceeded
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.models import completions, script_model
from mistral_on_azure.endpoint.serving import engine_messages, engine_request, managed_routes
from mistral_on_azure.endpoint.serving.container_body import schemas_are_read

LONG = "\x7f" * 500_000  # four characters in Python's own writing, six in JSON
HELLO = [{"role": "user", "content": "Hello"}]
BIASES = {"9" * 4_200 + str(at): 1 for at in range(100)}
PASS = {"extra-parameters": "pass-through"}
SERVERLESS, FOUNDRY, MANAGED = "serverless", "foundry", "managed"


def application(kind: str) -> Application:
    if kind == MANAGED:
        return managed()
    return Application(Sessions([KEY]), **({"kind": Foundry()} if kind == FOUNDRY else {}))


def asked(kind: str, body: Any, path: str = OPENAI, headers: dict[str, str] | None = None) -> Got:
    written = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return send("POST", path, written, headers, application=application(kind))


def called(arguments: Any) -> list[dict[str, Any]]:
    call = {"type": "function", "function": {"name": "a", "arguments": arguments}}
    return [*HELLO, {"role": "assistant", "content": "x", "tool_calls": [call]}, *HELLO]


def offering(schema: str) -> bytes:
    """A request with a tool whose parameters are a schema."""
    tool = f'{{"type":"function","function":{{"name":"a","description":"b","parameters":{schema}}}}}'
    return f'{{"messages":[{{"role":"user","content":"x"}}],"tools":[{tool}]}}'.encode()


def scored(text: str, temperature: str) -> bytes:
    turns = f'[{{"role":"user","content":"{text}"}}]'
    return f'{{"input_data":{{"input_string":{turns},"parameters":{{"temperature":{temperature}}}}}}}'.encode()


PEAK = """
import resource, sys
from mistral_on_azure.endpoint.transport.contents import read_as_python
body = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_as_python(body)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("kind", "body", "path", "headers"),
    [
        (MANAGED, {"messages": [{**HELLO[0], "name": [LONG]}]}, OPENAI, None),
        (MANAGED, {"messages": [{**HELLO[0], "name": {"a": 1}}] * 3_000}, OPENAI, None),
        (MANAGED, {"messages": [{"role": LONG}]}, OPENAI, None),
        (MANAGED, {"messages": [{}] * 5_000}, OPENAI, None),
        (MANAGED, {"messages": HELLO, "response_format": {"type": LONG}}, OPENAI, None),
        (MANAGED, {"messages": HELLO, "extra_params": {"logit_bias": {LONG: "x"}}}, OPENAI, None),
        (MANAGED, {"messages": HELLO, "extra_params": {"logit_bias": BIASES}}, OPENAI, None),
        (MANAGED, {"messages": [{"role": "user", "content": LONG}], "top_logprobs": 3}, "/chat/completions", PASS),
        (MANAGED, {"messages": HELLO, LONG: 1}, "/chat/completions", None),
        (MANAGED, {"messages": called({"a": LONG})}, OPENAI, None),
        (SERVERLESS, {"messages": HELLO, LONG: 1}, "/chat/completions", None),
        (SERVERLESS, {"messages": HELLO, **{f"p{at}": 1 for at in range(9_000)}}, "/chat/completions", None),
        (SERVERLESS, {"messages": [{"role": LONG, "content": "x"}]}, OPENAI, None),
        (SERVERLESS, {"messages": HELLO, "logit_bias": BIASES}, OPENAI, None),
        (SERVERLESS, {"messages": HELLO, "temperature": LONG}, OPENAI, None),
        (FOUNDRY, {"messages": HELLO, "model": LONG}, OPENAI.replace("/v1", "/openai/v1"), None),
    ],
)
def test_an_error_is_short_whatever_was_sent(kind, body, path, headers):
    got = asked(kind, body, path, headers)
    assert 400 <= got.status < 500
    assert len(got.body) <= 300_000  # a message, as text in JSON in JSON


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/score", b"[" * 16_000, 424, "recursion"),
        ("/score", b'{"input_data":' + b"[" * 8_000 + b"]" * 8_000 + b"}", 424, "recursion"),
        (OPENAI, b'{"messages":[{"role":"user","content":"x","a":' + b"[" * 900 + b"]" * 900 + b"}]}", 424, "parsing"),
        (OPENAI, {"messages": called("[" * 100_000)}, 424, "nested too deeply"),
        (OPENAI, {"messages": called("[" + "0," * 100_000 + "0]")}, 413, "values"),
        (OPENAI, {"messages": called("{]")}, 424, "Expecting property name"),
        (OPENAI, {"messages": HELLO, "structured_outputs": {"json": "[" * 2_000}}, 424, "nested too deeply"),
        (OPENAI, {"messages": HELLO, "structured_outputs": {"json": "[" + "{}," * 99_999 + "{}]"}}, 413, "values"),
        (
            OPENAI,
            b'{"messages":[{"role":"user","content":"x"}],"structured_outputs":{"choice":["\\ud800"]}}',
            424,
            "utf-8",
        ),
        (OPENAI, offering('{"not":' * 300 + "{}" + "}" * 300), 424, "nested too deeply"),
        (OPENAI, offering('{"pattern":"' + "(" * 3_000 + '"}'), 424, "Tools and tool_choice are not supported"),
        ("/score", scored("x", "1" + "0" * 400), 200, "None"),
        ("/score", scored("\\ud800", "1"), 200, "{}"),
    ],
)
def test_what_managed_compute_cannot_read_is_an_answer_and_no_failure(path, body, status, words, caplog):
    got = asked(MANAGED, body, path, PASS)
    assert got.status == status and words in got.body.decode()
    assert not caplog.records


def test_a_long_name_of_a_request_is_not_repeated_in_each_event():
    """A stream has an event for each token of each choice: 60 kB in each of them were 900 MB."""
    body = {"messages": [{"role": "user", "content": PROMPT}], "n": 60, "stream": True}
    got = asked(MANAGED, body, OPENAI, {**PASS, "x-request-id": "r" * 60_000})
    assert got.status == 200 and len(got.body) < 2_000_000
    assert b'"id":"chatcmpl-rrr' in got.body


@pytest.mark.parametrize("more", [{}, {"stop": [f"x{at}" for at in range(2_000)]}])
def test_a_text_is_cut_once_however_many_choices_have_it(more, monkeypatch):
    cuts, cut = [], managed_routes.cut
    monkeypatch.setattr(managed_routes, "cut", lambda *given: cuts.append(1) or cut(*given))
    outputs = {"choice": ["one of many words " * 800]}
    got = asked(
        MANAGED, {"messages": HELLO, "n": 900, "max_tokens": 1, "structured_outputs": outputs, **more}, OPENAI, PASS
    )
    assert got.status == 200 and len(got.json["choices"]) == 900
    assert len(cuts) == 1


def test_a_pattern_of_a_tool_that_is_refused_anyway_is_not_compiled(monkeypatch):
    monkeypatch.setattr(re, "compile", None)  # to call it would be an error
    tool = offering(
        json.dumps({"properties": {str(at): {"pattern": f"(?i)[\x00-{chr(70_000 + at)}]"} for at in range(9)}})
    )
    assert "Tools and tool_choice" in asked(MANAGED, tool, OPENAI, PASS).body.decode()


def test_a_large_schema_of_a_tool_is_not_checked():
    """Jsonschema keeps an error for each of its values, with all that is in it."""
    few, many = ({"type": [f"x{at}" for at in range(most)]} for most in (900, 1_100))
    assert "no JSON schema" in asked(MANAGED, offering(json.dumps(few)), OPENAI, PASS).body.decode()
    assert "Tools and tool_choice" in asked(MANAGED, offering(json.dumps(many)), OPENAI, PASS).body.decode()


def test_a_first_request_with_tools_is_read_in_the_background(monkeypatch):
    monkeypatch.delitem(sys.modules, "jsonschema", raising=False)
    for body, read in ((b"{}", True), (b'{"tools":[]}', False), (b'{"\\u0074ools":[]}', False)):
        assert schemas_are_read(body) is read
    monkeypatch.setitem(sys.modules, "jsonschema", json)
    assert schemas_are_read(b'{"tools":[]}')


def test_all_choices_of_a_stream_have_fewer_tokens_together():
    body = {"messages": [{"role": "user", "content": PROMPT}], "n": 200}
    assert asked(MANAGED, body, OPENAI, PASS).status == 200
    assert "ask for fewer" in asked(MANAGED, {**body, "stream": True}, OPENAI, PASS).body.decode()


@pytest.mark.parametrize("values", [{"a": [{}] * 9_000}, {f"a{at}": {} for at in range(9_000)}])
def test_of_many_faults_the_first_are_described_and_all_are_counted(values, monkeypatch):
    """Pydantic describes all at once, and nothing else runs meanwhile."""
    described, each_of = [], engine_request._fault
    monkeypatch.setattr(engine_request, "_fault", lambda found: described.append(1) or each_of(found))
    got = asked(MANAGED, {"messages": HELLO, "vllm_xargs": values}, OPENAI, PASS)
    told = json.loads(got.json["error"]["message"])["error"]["message"]
    assert int(told.split()[0]) >= 27_000 and "'vllm_xargs'" in told
    assert 0 < len(described) <= 1_000


def test_brackets_in_a_long_prompt_take_no_memory():
    """The depth is looked for outside of texts; the pattern for these once remembered each character: 450 MB."""
    body = json.dumps({"messages": [{"role": "user", "content": "[]" * 1_900_000}]}).encode()
    tracing = subprocess.run([sys.executable, "-c", PEAK], input=body, capture_output=True, check=True, timeout=60)
    assert int(tracing.stdout) < 60_000  # kB


def test_what_is_short_is_shown_as_it_is():
    for value in ("a" * 900, [1, {"a": ["b"]}], None, 10**4_000, True, {"a": 1.5}):
        assert shown(value) is value
    for value in ("a" * 1_001, ["a"] * 1_001, {"a": {"b": ["c" * 1_001]}}, [[]] * 2_000, [10**4_000] * 2):
        told = shown(value)
        assert isinstance(told, str) and len(told) <= SHOWN + 1 and told.endswith("…")
    assert len(ApiError(400, "code", "a" * 10**6).message) == TOLD + 1


def test_all_answers_to_a_request_are_bounded_on_managed_compute(monkeypatch):
    """A hundred bytes may ask for 16,384 answers; one long answer is one."""
    completed, complete = [], managed_routes._complete
    monkeypatch.setattr(managed_routes, "_complete", lambda *given: completed.append(1) or complete(*given))
    for n, status in ((100, 200), (16_384, 424)):
        completed.clear()
        got = asked(MANAGED, {"messages": HELLO, "temperature": 0.5, "n": n}, "/chat/completions", PASS)
        assert got.status == status and len(completed) <= 100
    assert "ask for fewer" in got.body.decode()


def test_a_prompt_that_fits_nowhere_is_not_counted_for_a_score(monkeypatch):
    monkeypatch.setattr(engine_messages, "count", None)  # to call it would be an error
    text = "ab" * 1_000_000
    got = asked(MANAGED, {"input_data": {"input_string": [{"role": "user", "content": text}]}}, "/score")
    assert (got.status, got.json) == (200, {"output": "None"})


@pytest.mark.parametrize(
    ("kind", "working", "more", "expected"),
    [
        (SERVERLESS, (script_model, "work_out"), {}, False),
        (SERVERLESS, (script_model, "work_out"), {"n": 16, "logprobs": True, "top_logprobs": 20}, True),
        (SERVERLESS, (script_model, "work_out"), {"user": "x" * LARGE_BODY}, True),
        (SERVERLESS, (completions, "body"), {"n": 16, "logprobs": True, "top_logprobs": 20}, True),
        (MANAGED, (managed_routes, "_outcome"), {}, False),
        (MANAGED, (managed_routes, "_outcome"), {"a": "x" * LARGE_BODY}, True),
    ],
)
async def test_what_takes_long_is_worked_on_in_the_background(kind, working, more, expected, monkeypatch):
    """A large request, and a small one for many alternatives, which are written there, too."""
    threads, work = [], getattr(*working)
    monkeypatch.setattr(*working, lambda *given: threads.append(threading.current_thread().name) or work(*given))
    body = json.dumps({"messages": [{"role": "user", "content": PROMPT}], **more}).encode()
    sent = post(ROUTE, body, {"authorization": f"Bearer {WIRE_KEY}", **({} if kind == MANAGED else PASS)})
    async with serving(kind=Managed()) if kind == MANAGED else serving() as server:
        assert (await ask(server, sent)).status == 200
        spent = (await ask(server, wire("/local/session"))).json()
        assert spent["calls"] == 1 and spent["completion_tokens"] > 0
    assert [name.startswith("long-requests") for name in threads] == [expected]


def test_a_request_in_the_background_is_under_way_on_managed_compute():
    """The gateway counts it with those whose answers are being sent."""
    pending = Managed(concurrent=1).quota(None, lambda: 0.0)
    with pending.working(), pending.working(), pytest.raises(QuotaExceeded):
        pending.take()
    pending.take()
