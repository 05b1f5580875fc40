"""The clients send nearly the same bytes for one question, and read exactly the same answer."""

from __future__ import annotations

import json

import pytest

from client_calls import CLIENTS, MESSAGES, MODEL, SETTINGS

ROUTES = {
    "webrequests": "/chat/completions",
    "azure-sdk": "/chat/completions",
    "openai-sdk": "/v1/chat/completions",
    "langchain": "/v1/chat/completions",
    "mistralai": "/v1/chat/completions",
    "litellm": "/chat/completions",
}
# What a client adds to the body by itself.
ADDED = {
    "stream": False,
    "top_p": 1,
    "n": None,
    "safe_prompt": False,
    "tools": None,
    "prompt_mode": None,
    "stream_options": None,
}
DOCUMENTED = (
    "As of now, it's estimated that there are about 7,000 languages spoken around the world. However, this number can "
    "vary as some languages become extinct and new ones develop. It's also important to note that the number of "
    "speakers can greatly vary between languages, with some having millions of speakers and others only a few hundred."
)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_request_is_the_same(local, client):
    CLIENTS[client]()
    (sent,) = local.exchanges()
    body = json.loads(sent["body"])
    core = {name: body.pop(name) for name in ("model", "messages", *SETTINGS)}
    assert core == {"model": MODEL, "messages": MESSAGES, **SETTINGS}
    assert set(body) <= set(ADDED), body
    assert all(value in (None, False, 1, ADDED[name]) for name, value in body.items()), body
    assert (sent["method"], sent["path"]) == ("POST", ROUTES[client])
    assert sent["headers"]["authorization"] == "Bearer ***"
    assert sent["headers"]["content-type"].startswith("application/json")
    assert local.key not in json.dumps(sent)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CLIENTS)
def test_the_documented_exchange_comes_back_as_documented(local, client, stream):
    assert CLIENTS[client](stream=stream) == (DOCUMENTED, 19, 72, 91)


@pytest.mark.parametrize("client", CLIENTS)
def test_one_chunk_for_each_token(local, client):
    CLIENTS[client](stream=True)
    (sent,) = local.exchanges()
    events = sent["answer"].strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert events[-1] == "data: [DONE]" and all(event.startswith("data: ") for event in events)
    assert sum(bool(chunk["choices"][0]["delta"].get("content")) for chunk in chunks if chunk["choices"]) == 72
    assert len({chunk["id"] for chunk in chunks}) == 1
