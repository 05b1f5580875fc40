"""The endpoint of tests without pytest: a context manager, and a command for programs in any language."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from running_suites import HERE

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing import SentRequest, azure_endpoint

SUITES = HERE / "user_suites"
CALL = "import sys; sys.path.insert(0, sys.argv[1]); from app_under_test import ask; print(ask(sys.argv[2]))"
SCRIPT = '[[exchange]]\nprompt = "Hello"\nanswers = ["Hi"]\n'


def test_a_users_tests_with_unittest():
    command = [sys.executable, "-m", "unittest", "unittest_suite"]
    done = subprocess.run(command, cwd=SUITES, capture_output=True, text=True, timeout=60)
    said = done.stderr
    assert "Ran 8 tests" in said and "FAILED (failures=3, errors=1, skipped=1, expected failures=1)" in said, said
    assert said.count("What azure_endpoint was sent") == 4
    assert said.count("\n  temperature=0.1\n") == said.count("\n  temperature=0.2\n") == 1
    assert said.count("\nAssertionError: The script has no answer to the prompt 'Hullo'") == 1
    assert said.count("no answer to the prompt 'Not borne'") == 1  # the test has failed already


def test_the_variables_are_put_back(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "https://example.org")
    monkeypatch.delenv(CREDENTIAL, raising=False)
    with azure_endpoint() as endpoint:
        assert os.environ[ENDPOINT] == endpoint.url and os.environ[CREDENTIAL] == endpoint.key
        url = endpoint.url
        assert endpoint.report() == "Nothing was sent."
    assert os.environ[ENDPOINT] == "https://example.org" and CREDENTIAL not in os.environ
    with pytest.raises(CookbookError, match="has ended"):
        endpoint.answer("Hello", "Hi")
    assert url.startswith("http://127.0.0.1:")


def test_the_next_with_has_the_same_process_and_one_inside_another():
    with azure_endpoint() as first:
        get_info(first)
        with azure_endpoint() as inner:
            assert inner.url != first.url and inner.requests == [] and len(first.requests) == 1
    assert len(first.requests) == 1  # what was sent can be looked at until another needs the process
    with azure_endpoint() as again:
        assert again.url == first.url and again.key == first.key and again.requests == []
    with pytest.raises(CookbookError, match="has ended"):
        first.tokens_used  # noqa: B018


def get_info(endpoint):
    assert http.request("GET", f"{endpoint.url}/info", endpoint.key).status == 200


def test_a_prompt_that_the_app_bears_fails_a_with():
    with pytest.raises(AssertionError, match="no answer to the prompt 'Hullo'") as raised, azure_endpoint() as endpoint:
        endpoint.answer("Hello", "Hi")
        ask(endpoint, "Hullo")
    assert "'Hello', which has another prompt" in str(raised.value) and "  user: Hullo" in str(raised.value)


def test_an_exception_in_a_with_has_a_note_of_what_was_sent():
    with pytest.raises(ZeroDivisionError) as raised, azure_endpoint() as endpoint:
        endpoint.answer("Hello", "Hi")
        ask(endpoint, "Hello")
        1 / 0  # noqa: B018
    (note,) = raised.value.__notes__
    assert "POST /chat/completions -> 200" in note and "answer: Hi  (4 + 1 tokens)" in note


def ask(endpoint, prompt):
    body = {"messages": [{"role": "user", "content": prompt}]}
    return http.request("POST", f"{endpoint.url}/chat/completions", endpoint.key, body)


def test_no_address_of_another_endpoint_is_left(monkeypatch):
    """An app that prefers AZURE_INFERENCE_OPENAI_ENDPOINT would send its tests to the user's own resource."""
    monkeypatch.setenv(OPENAI_ENDPOINT, "https://example.org/openai/v1")
    with azure_endpoint() as endpoint:
        assert os.environ[OPENAI_ENDPOINT] == f"{endpoint.url}/v1"
        resource = endpoint.as_kind("foundry")
        assert os.environ[ENDPOINT] == f"{resource.url}/models"
        assert os.environ[OPENAI_ENDPOINT] == f"{resource.url}/openai/v1"
    assert os.environ[OPENAI_ENDPOINT] == "https://example.org/openai/v1"


@pytest.fixture
def command(tmp_path):
    (tmp_path / "answers.toml").write_text(SCRIPT)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        module = [sys.executable, "-m", "mistral_on_azure.testing"]
        return subprocess.run([*module, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run


def calling(prompt: str) -> list[str]:
    return ["--", sys.executable, "-c", CALL, str(SUITES), prompt]


def test_any_program_gets_the_answers_of_a_file(command):
    done = command("--script", "answers.toml", *calling("Hello"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hi\n", "")


def test_a_program_that_fails_is_told_what_it_sent(command):
    done = command("--script", "answers.toml", *calling("Hullo"))
    assert done.returncode == 1 and "POST /chat/completions -> 400" in done.stderr
    assert (
        "'Hello', which has another prompt" in done.stderr
        and "Error: The script has no answer to the prompt 'Hullo'" in done.stderr
    )


def test_the_programs_exit_status_is_kept(command):
    assert command("--", sys.executable, "-c", "raise SystemExit(7)").returncode == 7


RESET = """
import json, os, urllib.request
KEY = os.environ["AZURE_INFERENCE_CREDENTIAL"]
def send(method, path, body=None):
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["AZURE_INFERENCE_ENDPOINT"] + path, data, headers, method=method)
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return json.load(error)["code"]
def ask(prompt):
    return send("POST", "/chat/completions", {"messages": [{"role": "user", "content": prompt}]})
"""


def test_the_script_and_the_refusals_outlast_a_reset(command):
    program = RESET + "print(ask('Hullo'), send('DELETE', '/local/session'), ask('Hello'))"
    done = command("--script", "answers.toml", "--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout) == (1, "unexpected_prompt 200 200\n"), done.stderr
    assert "no answer to the prompt 'Hullo'. The nearest entry is in answers.toml, line 1: 'Hello'" in done.stderr


def test_all_of_a_script_counts(command, tmp_path):
    (tmp_path / "more.toml").write_text('unknown_prompt = "I do not know."\n[content_filter]\nprompts = ["poison"]\n')
    both = ["--script", "answers.toml", "--script", "more.toml"]
    program = RESET + "print(ask('Some poison'), ask('Else?'), send('DELETE', '/local/session'), ask('Else?'))"
    done = command(*both, "--loose", "--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "content_filter 200 200 200\n", "")


def test_more_requests_than_are_kept_are_no_mistake(command):
    program = RESET + "assert {send('GET', '/info') for _ in range(1_001)} == {200}"
    done = command("--", sys.executable, "-c", program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_an_end_from_outside_reaches_the_program():
    program = "import signal, time; signal.signal(15, lambda *_: exit(9)); print('here', flush=True); time.sleep(60)"
    module = [sys.executable, "-m", "mistral_on_azure.testing", "--", sys.executable, "-c", program]
    with subprocess.Popen(module, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "here\n"
        process.terminate()
        assert process.wait(30) == 9


def test_mistakes_of_the_command_get_a_line(command, tmp_path):
    (tmp_path / "wrong.toml").write_text('[[exchange]]\nprompt = "x"\nfault = "status=999"\n')
    for arguments in (
        ["--", "no-such-program"],
        ["--kind", "nope", "--", "true"],
        ["--script", "wrong.toml", "--", "true"],
    ):
        done = command(*arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith("Error: ")


def test_a_request_that_is_no_json():
    exchange = dict(method="POST", path="/", headers={}, status=500, answer="<html>", answer_headers={}, note="")
    sent = SentRequest.of({**exchange, "body": "no JSON", "prompt_tokens": 0, "completion_tokens": 0})
    assert (sent.body, sent.messages, sent.prompt, sent.text, sent.calls) == (None, [], "", "", [])
    assert sent.error == {"code": "500", "message": "<html>"} and list(sent.lines())
