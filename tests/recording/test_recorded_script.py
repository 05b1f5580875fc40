"""`cookbook serve` with scripts and recordings: the answers of a real run, given again by the local endpoint."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import msgspec
import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.script_format import Exchange as ScriptExchange
from mistral_on_azure.catalog.script_format import ScriptFile, TokenLogprob
from mistral_on_azure.endpoint.fault import STATUSES
from mistral_on_azure.endpoint.models.tokens import count
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.recording import recorded_script
from mistral_on_azure.recording.recorded_script import ScriptRecorder
from mistral_on_azure.recording.tape import VERSION, Exchange, Scrubber

PROMPT = "How many languages are in the world?"
LARGE, EXPERTS = "mistralai-Mixtral-8x22B-Instruct-v0-1", "mistralai-Mixtral-8x7B-Instruct-v01"
PATH = "/v1/chat/completions"
WITHOUT = {name: value for name, value in os.environ.items() if name not in (ENDPOINT, CREDENTIAL)}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@contextlib.contextmanager
def serving(*options: str, **environment: str):
    """`cookbook serve` as a process: yields the process, its address and its key; ended by Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mistral_on_azure.cli", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**WITHOUT, **environment},
    )
    try:
        values = {CREDENTIAL: environment.get(CREDENTIAL, "")}
        while not (line := process.stdout.readline()).startswith("Ready"):
            assert line, process.stderr.read()
            name, _, value = line.strip().partition("=")
            values[name] = value
        yield process, values[ENDPOINT], values[CREDENTIAL]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, process.stderr.read()
    finally:
        process.kill()


def ask(url: str, key: str, messages, **more) -> dict:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return http.request("POST", f"{url}{PATH}", key, {"messages": messages, **more}).json()


def text(answer: dict) -> str:
    return answer["choices"][0]["message"]["content"]


def test_a_script_is_served_and_read_again_when_it_changes(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["One."]')
    with serving("--script", str(file), "--strict") as (process, url, key):
        assert text(ask(url, key, "Who?")) == "One."
        assert ask(url, key, PROMPT)["code"] == "unexpected_prompt"
        file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["Two!"]')
        deadline = time.monotonic() + 20
        while text(ask(url, key, "Who?")) != "Two!":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert process.stderr.readline() == "The script was read again.\n"


def test_a_parent_process_chooses_scripts(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswers = ["One."]')
    with start(script=[str(file)], strict=True) as endpoint:
        assert text(ask(endpoint.url, endpoint.keys[0], "Who?")) == "One."
        assert ask(endpoint.url, endpoint.keys[0], PROMPT)["code"] == "unexpected_prompt"


def run(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mistral_on_azure.cli", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=WITHOUT)


def test_mistakes_are_one_line(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[exchange]]\nprompt = "Who?"\nanswer = "One."\n')
    for options, says, status in (
        (["--script", str(file)], "mine.toml, line 3: exchange 1, answer: there is no such key.", 1),
        (["--script", str(tmp_path / "no.toml")], "There is no file", 1),
        (["--script", str(file), "--engine", "embedded"], "leave out either --engine, or --script", 1),
        (["--kind", "managed", "--engine", "embedded"], "--engine is for --kind serverless or foundry, not for", 1),
        (["--replay", str(file)], "is not a recording", 1),
        (["--record", str(file)], f"--record needs a real endpoint: set {ENDPOINT}", 1),
        (["--replay", str(file), "--kind", "managed"], "--replay goes with --port alone, not with --kind.", 2),
    ):
        done = run(*options)
        assert (done.returncode, done.stdout) == (status, "")
        assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_the_schema_is_printed_and_what_it_says():
    from jsonschema import Draft202012Validator

    schema = json.loads(run("--script-schema").stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    good = {"prompt": "x", "reply": [{"answer": "y", "logprobs": [-1]}, {"fault": {"status": 429, "retry_after": 1}}]}
    validator.validate({"exchange": [good]})
    for bad in ({"prompts": "x"}, {"fault": {"status": 999}}, {"delay": -1}, {"answers": "x"}):
        assert not validator.is_valid({"exchange": [bad]})


def agent(url: str, key: str) -> list[str]:
    """An app: a question, a system message, a tool and what it returned, a stream, a fault; what it was answered."""
    system = [{"role": "system", "content": "Answer in French, in one short sentence."}]
    messages = [{"role": "user", "content": "What is the weather in Rome?"}]
    said = [text(ask(url, key, PROMPT)), text(ask(url, key, [*system, {"role": "user", "content": PROMPT}]))]
    called = ask(url, key, messages, tools=[WEATHER], model=LARGE)["choices"][0]["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": called[0]["id"], "content": "18 degrees"}
    messages += [{"role": "assistant", "content": "", "tool_calls": called}, result]
    said += [called[0]["function"]["arguments"], text(ask(url, key, messages, tools=[WEATHER], model=LARGE))]
    body = {"messages": [{"role": "user", "content": "Count from one to ten in Spanish."}], "stream": True}
    said.append(http.request("POST", f"{url}{PATH}", key, body).text.count("data:"))
    return said


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A script made from a run of the app, what it was answered, and the key of the endpoint."""
    file = tmp_path_factory.mktemp("recorded") / "recorded.toml"
    with start() as real:
        with serving("--record", str(file), **{ENDPOINT: real.url, CREDENTIAL: real.keys[0]}) as (process, url, key):
            assert key != real.keys[0]
            said = agent(url, key)
            http.request("POST", f"{real.url}/local/faults", real.keys[0], {"status": 429, "retry_after": 3})
            assert ask(url, key, "In one sentence, why do languages disappear?")["status"] == 429
            ask(url, key, "In one sentence, why do languages disappear?")
            ask(url, key, PROMPT, temperature=-1)
            for _ in range(2):
                ask(url, key, "Say good morning in Mandarin.")
        told = process.stdout.read()
    assert told.startswith(f"Wrote 9 answers to {file}. 1 other requests are not in it.")
    return file, said, real.keys[0]


def test_a_script_of_a_real_run_gives_its_answers_again(recorded):
    file, said, key = recorded
    script = file.read_text(encoding="utf-8")
    assert key not in script and "Bearer" not in script
    with serving("--script", str(file), "--strict") as (_, url, key):
        assert agent(url, key) == said
        failed = http.request("POST", f"{url}{PATH}", key, {"messages": [_disappear()]})
        assert failed.status == 429 and failed.headers["retry-after"] == "3"
        assert text(ask(url, key, [_disappear()])).startswith("Languages disappear when")


def _disappear() -> dict:
    return {"role": "user", "content": "In one sentence, why do languages disappear?"}


def exchange(answer, stream: bool = False, **more) -> Exchange:
    body = {"messages": [{"role": "user", "content": "Who?"}], **more}
    sent = answer if isinstance(answer, str) else json.dumps(answer)
    kind = {"content-type": "text/event-stream" if stream else "application/json"}
    return Exchange("app", "", "POST", PATH, "own", dict(kind), json.dumps(body), 200, kind, sent)


def choice(**message) -> dict:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@pytest.fixture
def read(tmp_path):
    """The script that is written of some exchanges, read again."""

    def written(*taped: Exchange, **headers: str) -> tuple[ScriptExchange, ...]:
        recorder = ScriptRecorder(tmp_path / "made.toml", Scrubber([], []))
        for each in taped:
            answer = each.answer.encode("utf-8", "surrogateescape")
            recorder.add(each, each.status, {**each.answer_headers, **headers}, answer)
        recorder.close()
        return msgspec.convert(tomllib.loads(recorder.file.read_text(encoding="utf-8")), ScriptFile).exchange

    return written


@pytest.mark.parametrize(
    "text", ["", 'a "b" \\ c', "one\ntwo\r\n\ttab", "é 多 😀", "\x7f\x00\x1b", "\ud800", "''' \"\"\"", "${x} $${x}"]
)
def test_any_text_survives_the_file(read, text):
    (made,) = read(exchange(choice(content=text)))
    assert made.answers == (text.encode("utf-8", "replace").decode(),)


def test_a_stream_may_hold_what_some_count_as_a_line_break(read):
    event = json.dumps({"choices": [{"delta": {"content": "a\u2028b\u0085c"}}]}, ensure_ascii=False)
    taped = exchange(f"data: {event}\r\n\r\ndata: [DONE]\n\n")
    taped.answer_headers = {"content-type": "text/event-stream"}
    (made,) = read(taped)
    assert made.answers == ("a\u2028b\u0085c",)


def test_arguments_survive_the_file(read):
    arguments = ['{"a b": [1, 2.5, true, {"c": "d"}]}', '{"a": null}', "not JSON", "{}"]
    calls = [{"id": "x", "function": {"name": "f", "arguments": each}} for each in arguments]
    (made,) = read(exchange(choice(content="", tool_calls=calls)))
    given = [each.arguments if isinstance(each.arguments, str) else json.dumps(each.arguments) for each in made.calls]
    assert given == arguments


def test_each_deployment_has_its_own_answers(read):
    """A name that the local endpoint does not have is no deployment's there: its answers are for whoever asks."""
    asked = [(LARGE, "L1"), (EXPERTS, "E"), (LARGE, "L2"), ("my-own", "o1"), (None, "o2"), (3, "o3")]
    taped = [exchange(choice(content=said), model=name) for name, said in asked]
    assert [(each.deployment, [reply.answer for reply in each.reply] or [*each.answers]) for each in read(*taped)] == [
        (LARGE, ["L1", "L2"]), (EXPERTS, ["E"]), (None, ["o1", "o2", "o3"])
    ]  # fmt: skip
    taped[0].headers["azureml-model-deployment"] = EXPERTS
    managed = read(*taped, **{"azureml-model-deployment": EXPERTS})  # which does not read `model`
    assert [each.deployment for each in managed] == [EXPERTS, None]


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_keep_their_alternatives(read, stream):
    top = [{"token": "Y", "logprob": -0.25}, {"token": "No", "logprob": -1.5}, {"token": "a b", "logprob": -9999.0}]
    tokens = [{"token": "Y", "logprob": -0.25, "top_logprobs": top}, {"token": "es", "logprob": -0.5}]
    said = {"index": 0, "delta": {"content": "Yes."}, "message": {"content": "Yes."}, "logprobs": {"content": tokens}}
    assert count("Yes.") == len(tokens)
    answer = json.dumps({"choices": [said]})
    taped = exchange(f"data: {answer}\n\ndata: [DONE]\n\n" if stream else answer, stream)
    (made,) = read(taped)
    assert made.logprobs == (TokenLogprob(-0.25, {"No": -1.5, "a b": -9999.0}), -0.5)


@pytest.mark.parametrize(
    "odd", ["", "[]", "{", {"choices": []}, {"choices": [{}]}, choice(tool_calls=[{}]), choice(content=3), {"x": 1}]
)
def test_odd_answers_are_left_out(read, odd):
    assert read(exchange(odd), exchange(choice(content="I."))) == (ScriptExchange(prompt="Who?", answers=("I.",)),)


def test_faults_of_a_script_are_those_that_can_be_asked_for():
    assert set(recorded_script._TRIED_AGAIN) <= set(STATUSES)


def test_a_recording_is_served(tmp_path):
    file = tmp_path / "tape.jsonl"
    about = {"cookbook_recording": VERSION, "day": "2026-11-27", "endpoint": "an endpoint", "parameters": {}}
    taped = [exchange(choice(content=each)) for each in ("first", "second")]
    lines = [about, *[msgspec.to_builtins({name: getattr(each, name) for name in each.__slots__}) for each in taped]]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with serving("--replay", str(file), **{CREDENTIAL: "k" * 32}) as (_, url, key):
        assert [text(ask(url, key, "Who?")) for _ in range(3)] == ["first", "second", "second"]
        assert ask(url, key, "Else?")["code"] == "not_recorded"
