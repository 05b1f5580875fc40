"""The endpoint of tests without pytest: a context manager, and a command for programs in any language."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

import pytest
from running_suites import HERE

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing import SentRequest, azure_endpoint

SUITES = HERE / "user_suites"
CALL = "import sys; sys.path.insert(0, sys.argv[1]); from app_under_test import ask; print(ask(sys.argv[2]))"
SCRIPT = '[[exchange]]\nprompt = "Hello"\nanswers = ["Hi"]\n'


class Suite(unittest.TestCase):
    """As a user of unittest writes it."""

    def setUp(self) -> None:
        self.endpoint = self.enterContext(azure_endpoint())

    def test_an_answer(self) -> None:
        self.endpoint.answer("Hello", "Hi")
        done = subprocess.run([sys.executable, "-c", CALL, str(SUITES), "Hello"], capture_output=True, text=True)
        self.assertEqual(done.stdout, "Hi\n", done.stderr)
        self.assertEqual([sent.prompt for sent in self.endpoint.requests], ["Hello"])


def test_the_variables_are_put_back(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "https://example.org")
    monkeypatch.delenv(CREDENTIAL, raising=False)
    with azure_endpoint() as endpoint:
        assert os.environ[ENDPOINT] == endpoint.url and os.environ[CREDENTIAL] == endpoint.key
        url = endpoint.url
        assert endpoint.report() == "Nothing was sent."
    assert os.environ[ENDPOINT] == "https://example.org" and CREDENTIAL not in os.environ
    with pytest.raises(CookbookError, match="does not answer"):
        endpoint.answer("Hello", "Hi")
    assert url.startswith("http://127.0.0.1:")


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


def test_mistakes_of_the_command_get_a_line(command):
    for arguments in (["--", "no-such-program"], ["--kind", "nope", "--", "true"]):
        done = command(*arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith("Error: ")


def test_a_request_that_is_no_json():
    exchange = dict(method="POST", path="/", headers={}, status=500, answer="<html>", answer_headers={}, note="")
    sent = SentRequest.of({**exchange, "body": "no JSON", "prompt_tokens": 0, "completion_tokens": 0})
    assert (sent.body, sent.messages, sent.prompt, sent.text, sent.calls) == (None, [], "", "", [])
    assert sent.error == {"code": "500", "message": "<html>"} and list(sent.lines())
