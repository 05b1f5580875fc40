"""The clients send nearly the same bytes for one question, and read exactly the same answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.upkeep.faults.calls import CALLS, REQUEST, Call

DOCUMENTED_REQUEST = {
    **REQUEST,
    "messages": [{"role": "system", "content": "You are a helpful assistant."}, *REQUEST["messages"]],
    "max_tokens": 256,
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


def counts(usage: Any) -> list[int]:
    """The tokens of prompt and completion, and all: of LangChain's usage, of the API's own, or of an object's."""
    if isinstance(usage, dict):
        return [value for name, value in usage.items() if isinstance(value, int)]
    return [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]


@pytest.mark.parametrize("client", CALLS)
def test_the_request_is_the_same(local, client):
    CALLS[client](Call(local.url, local.key, request=DOCUMENTED_REQUEST))
    (sent,) = local.exchanges()
    body = json.loads(sent["body"])
    assert {name: body.pop(name) for name in DOCUMENTED_REQUEST} == DOCUMENTED_REQUEST
    assert set(body) <= set(ADDED), body
    assert all(value in (None, False, 1, ADDED[name]) for name, value in body.items()), body
    assert sent["method"] == "POST" and sent["path"] in clients()[client].routes
    assert sent["headers"]["authorization"] == "Bearer ***"
    assert sent["headers"]["content-type"].startswith("application/json")
    assert local.key not in json.dumps(sent)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CALLS)
def test_the_documented_exchange_comes_back_as_documented(local, client, stream):
    call = Call(local.url, local.key, stream, request=DOCUMENTED_REQUEST)
    CALLS[client](call)
    assert "".join(call.pieces) == DOCUMENTED
    if call.usage is None:
        assert (client, stream) == ("litellm", True)  # it has the usage of a stream only when asked for it
    else:
        assert counts(call.usage) == [19, 72, 91]


@pytest.mark.parametrize("client", CALLS)
def test_one_chunk_for_each_token(local, client):
    CALLS[client](Call(local.url, local.key, True, request=DOCUMENTED_REQUEST))
    (sent,) = local.exchanges()
    events = sent["answer"].strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert events[-1] == "data: [DONE]" and all(event.startswith("data: ") for event in events)
    assert sum(bool(chunk["choices"][0]["delta"].get("content")) for chunk in chunks if chunk["choices"]) == 72
    assert len({chunk["id"] for chunk in chunks}) == 1
