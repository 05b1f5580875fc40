"""What passes through a door: the same bytes, the real credential (a key or a token), and a count."""

from __future__ import annotations

import json

import pytest
import requests
from upstream import KEY, USAGE, Notebook

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget, Prices, Usage
from mistral_on_azure.running import targets

CHAT = "/v1/chat/completions"


@pytest.fixture
def client(upstream):
    with targets.real(upstream.url, Budget(), lambda *_: None) as through:
        yield Notebook(through)


def test_a_request_arrives_as_it_was_sent_but_with_the_real_credential(client, upstream):
    body = {"messages": [{"role": "user", "content": "Grüß Gott"}], "b": 1, "a": 2}
    path = "/chat/completions?api-version=2024-05-01-preview&x=%2F+y"
    answer = client.post(body, path, headers={"api-key": client.key, "extra-parameters": "drop", "User-Agent": "me"})
    assert answer.status_code == 200 and answer.json()["usage"] == USAGE
    method, seen, headers, text = upstream.seen[-1]
    assert (method, seen, json.loads(text)) == ("POST", path, body)
    assert headers["Authorization"] == f"Bearer {KEY}" and headers["api-key"] == KEY
    assert headers["extra-parameters"] == "drop" and headers["User-Agent"] == "me"
    assert answer.headers["x-ratelimit-remaining-tokens"] == "9" and "server" in answer.headers
    assert client.usage == Usage(1, 7, 5)


def test_a_wrong_key_stays_wrong_and_costs_nothing(client, upstream):
    assert client.post({}, key="wrong").status_code == 401
    assert upstream.seen[-1][2]["Authorization"] == "Bearer wrong"
    assert requests.get(f"{client.url}/info", timeout=100).json() == {"model_name": "real-model"}
    assert "Authorization" not in upstream.seen[-1][2]
    assert client.usage == Usage(2)


def test_a_stream_is_not_held_up(client, upstream):
    """Its second word is said when the first has arrived."""
    answer = client.post({"how": "stream", "words": ["a", "b"], "waits": True, "usage": USAGE}, stream=True)
    lines = (line for line in answer.iter_lines(chunk_size=1) if line)
    assert b'"content": "a"' in next(lines)
    upstream.go_on()
    rest = list(lines)
    assert len(rest) == 3 and b'"content": "b"' in rest[0] and rest[-1] == b"data: [DONE]"
    assert client.usage == Usage(1, 7, 5)


def test_a_stream_that_states_no_usage_is_estimated(client):
    body = {"how": "stream", "words": list("abcdef"), "messages": [{"role": "user", "content": "x" * 38}]}
    client.post(body)
    assert client.usage == Usage(1, 18, 6, exact=False)


def test_a_client_that_goes_ends_the_stream_at_the_other_side(client, upstream):
    answer = client.post({"how": "stream", "words": ["x"] * 200, "gap": 0.05}, stream=True)
    next(answer.iter_lines(chunk_size=1))
    answer.close()
    assert upstream.gone.wait(60)


def test_an_answer_that_breaks_off_does_so_here(client):
    with pytest.raises(requests.exceptions.RequestException):
        client.post({"how": "broken", "max_tokens": 9})
    assert client.usage.calls == 1 and not client.usage.exact


def test_an_answer_that_never_comes_is_a_bad_gateway_and_counts_in_full(client):
    answer = client.post({"how": "silent", "max_tokens": 9, "messages": []})
    assert answer.status_code == 502 and "did not answer" in answer.json()["error"]["message"]
    assert client.usage == Usage(1, 0, 9, exact=False)


def test_a_compressed_answer_is_read(client):
    assert client.post({"how": "zipped"}).json() == {"usage": USAGE}
    assert client.usage == Usage(1, 7, 5)


def test_an_endpoint_that_goes_away_is_a_bad_gateway_that_costs_nothing(client, upstream):
    upstream.stop()
    answer = client.post({"messages": []})
    assert answer.status_code == 502 and "cannot be reached" in answer.json()["message"]
    assert client.usage == Usage(1)


def test_an_endpoint_that_is_down_or_refuses_the_key_is_said_before_anything_runs(monkeypatch):
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    with (
        pytest.raises(CookbookError, match="Nothing answers at"),
        targets.real("http://127.0.0.1:9", Budget(), lambda *_: None),
    ):
        pass
    monkeypatch.delenv(CREDENTIAL)
    with (
        pytest.raises(CookbookError, match="must not travel over plain http"),
        targets.real("http://127.0.0.1:9", Budget(), lambda *_: None),
    ):
        pass


def test_a_refused_key_is_said_before_anything_runs(local, monkeypatch):
    monkeypatch.setenv(CREDENTIAL, "w" * 32)
    with (
        pytest.raises(CookbookError, match="refused the credential in AZURE_INFERENCE_CREDENTIAL") as raised,
        targets.real(local.url, Budget(), lambda *_: None),
    ):
        pass
    assert "w" * 32 not in str(raised.value)


@pytest.mark.parametrize(
    "budget",
    [Budget(tokens=400), Budget(cost=0.4, prices=Prices(1000, 1000))],
)
def test_the_budget_stops_before_it_is_overspent(upstream, tmp_path, budget):
    with targets.real(upstream.url, budget, lambda *_: None) as through:
        client = Notebook(through)
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
        body["usage"] = {"prompt_tokens": 10, "completion_tokens": 90, "total_tokens": 100}
        statuses = [client.post(body).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 402, 402]  # 300 are used, and a fourth might take 10 + 100
        assert len([seen for seen in upstream.seen if seen[0] == "POST"]) == 3
        assert client.usage.tokens == 300 and "does not allow the next call" in through.stop()
        assert through.objection(client.result) == through.stop()  # whatever the notebook made of it


@pytest.fixture
def https(local, monkeypatch):
    """The https address of an endpoint for which this process has an identity and no key."""
    identity = local.identity()
    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(CREDENTIAL)
    return identity[ENDPOINT]


def test_a_door_brings_tokens_or_takes_them(https):
    body = {"messages": [{"role": "user", "content": "How many languages are in the world?"}], "max_tokens": 90}
    with targets.real(https, Budget(), lambda *_: None) as through:
        job = Notebook(through)
        by_key = job.post(body, headers={"api-key": job.key})
        assert by_key.status_code == 200, by_key.text

        from azure.identity import DefaultAzureCredential

        token = {"Authorization": f"Bearer {DefaultAzureCredential().get_token('https://ml.azure.com/.default').token}"}
        url, trusted = job.environment["COOKBOOK_SECURE_ENDPOINT"] + CHAT, job.environment["REQUESTS_CA_BUNDLE"]
        by_token = requests.post(url, json=body, headers=token, timeout=100, verify=trusted)
        assert by_token.status_code == 200 and by_token.json()["usage"] == by_key.json()["usage"]
        assert job.usage.calls == 2 and job.usage.tokens == 2 * 83
    assert "eyJ" not in str(job.environment)


def test_no_identity_is_said_before_anything_runs(https, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "nobody")
    with (
        pytest.raises(CookbookError, match="no Microsoft Entra ID identity was found"),
        targets.real(https, Budget(), lambda *_: None),
    ):
        pass
