"""`cookbook ask`: the answer, its tokens and the wire, on each kind; and one line for whatever goes wrong."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.cli import main
from mistral_on_azure.endpoint.starting import start
from servers import Asked, Reply, serving

pytestmark = pytest.mark.usefixtures("unconnected")


def ask(monkeypatch, url: str, key: str, *arguments: str) -> Result:
    monkeypatch.setenv(ENDPOINT, url)
    monkeypatch.setenv(CREDENTIAL, key)
    return CliRunner().invoke(main, ["ask", *arguments])


# The container of managed compute sends no usage with a stream.
USAGE = {"serverless": "\n11 prompt + 72 completion = 83 tokens. ", "managed": "\nThe endpoint sent no usage. "}


@pytest.mark.parametrize("kind", USAGE)
def test_answer_usage_and_wire(monkeypatch, kind):
    with start(kind=kind) as endpoint:
        key = endpoint.keys[0]
        done = ask(monkeypatch, endpoint.url, key, "How many languages are in the world?", "--kind", kind)
    assert done.exit_code == 0, done.output
    assert "\nAs of now, it's estimated that there are about 7,000 languages" in done.output
    assert f"{USAGE[kind]}The answer ended with 'stop'." in done.output
    assert "POST /v1/chat/completions" in done.output and '"stream": true' in done.output
    assert "authorization: Bearer ***" in done.output and key not in done.output
    assert "more events" in done.output and "data: [DONE]" in done.output


def test_max_tokens_and_deployment(monkeypatch, local):
    name = "mistralai-Mixtral-8x22B-Instruct-v0-1"
    done = ask(monkeypatch, local.url, local.key, "--max-tokens", "4", "-d", name)
    assert "+ 4 completion" in done.output and "'length'" in done.output and f'"model": "{name}"' in done.output


def _mistakes() -> dict[str, tuple[Reply, str]]:
    begun = b'data: {"choices":[{"delta":{"content":"As"},"finish_reason":null}]}\n\n'
    stream = {"content-type": "text/event-stream"}
    return {
        "refused": (Reply({"error": {"message": "No such deployment."}}, 404), "answered 404: No such deployment."),
        "broken inside": (Reply(headers=stream, parts=(begun, b'data: {"choi\n\n')), "broke off inside an event"),
        "without an end": (Reply(headers=stream, parts=(begun, b": bye\n\n")), "without a finish reason"),
        "an error": (Reply(headers=stream, parts=(begun, b'data: {"error":{"message":"Too hot."}}\n\n')), "Too hot."),
    }


@pytest.mark.parametrize("name", _mistakes())
def test_what_goes_wrong_is_one_line(monkeypatch, name):
    reply, said = _mistakes()[name]

    def answer(asked: Asked) -> Reply:
        return reply if asked.path.endswith("/chat/completions") else Reply({}, 404)

    with serving(answer) as url:
        done = ask(monkeypatch, url, "some-key-of-mine-1234", "Hello?")
    assert done.exit_code == 1 and said in done.output.splitlines()[-1]
    assert "Traceback" not in done.output and "some-key-of-mine" not in done.output


def test_an_empty_question(monkeypatch, local):
    done = ask(monkeypatch, local.url, local.key, "  ")
    assert done.exit_code == 1 and "There is no question." in done.output
