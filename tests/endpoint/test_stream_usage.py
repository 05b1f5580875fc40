"""Usage in streams: in the last chunk as Mistral's clients want it, or as OpenAI sends it to those who ask for that."""

from __future__ import annotations

import json

import pytest
from asking import CHAT_ROUTES, chat

MODEL, PROMPT = "mistralai-Mistral-7B-Instruct-v01", "How many languages are in the world?"
MESSAGES = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": PROMPT}]
ASKED = {"stream_options": {"include_usage": True}}
PASS = {"extra-parameters": "pass-through"}


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("options", [None, {}, {"include_usage": None}])
@pytest.mark.parametrize("n", [1, 2])
def test_where_nobody_asks_it_comes_with_the_last_end(path, options, n):
    """MistralAI and LangChain never ask and read it there."""
    chunks = chat(path=path, headers=PASS, stream=True, stream_options=options, n=n).chunks
    assert [chunk.get("usage") for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["usage"] == chat(path=path, headers=PASS, n=n).json["usage"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("n", [1, 2])
def test_who_asks_gets_it_after_the_choices(path, n):
    chunks = chat(path=path, headers=PASS, stream=True, n=n, **ASKED).chunks
    assert all("usage" not in chunk and len(chunk["choices"]) == 1 for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == chat(path=path, headers=PASS, n=n).json["usage"]
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_who_does_not_want_it_gets_none():
    chunks = chat(stream=True, stream_options={"include_usage": False}).chunks
    assert not any("usage" in chunk for chunk in chunks)
    assert all(chunk["choices"] for chunk in chunks)


def test_openai(local):
    from openai import OpenAI

    with OpenAI(base_url=f"{local.url}/v1", api_key=local.key) as client:
        chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **ASKED))
        assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
        assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 91)
        with client.chat.completions.stream(model=MODEL, messages=MESSAGES, **ASKED) as stream:
            whole = stream.get_final_completion()
    assert whole.usage.total_tokens == 91
    assert whole.choices[0].message.content.startswith("As of now")


def test_azure_sdk(local):
    from azure.ai.inference import ChatCompletionsClient
    from azure.core.credentials import AzureKeyCredential

    with ChatCompletionsClient(local.url, AzureKeyCredential(local.key)) as client:
        question = [{"role": "user", "content": PROMPT}]
        updates = list(client.complete(messages=question, model=MODEL, stream=True, model_extras=ASKED))
    assert (updates[-1].choices, updates[-1].usage.total_tokens) == ([], 83)


@pytest.mark.parametrize("provider", ["azure_ai", "mistral", "openai"])
def test_litellm(local, provider):
    import litellm

    route = "" if provider == "azure_ai" else "/v1"
    chunks = list(
        litellm.completion(
            model=f"{provider}/{MODEL}",
            api_base=f"{local.url}{route}",
            api_key=local.key,
            messages=MESSAGES,
            stream=True,
            extra_headers=PASS,
            **ASKED,
        )
    )
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    assert whole.usage.total_tokens == 91
    assert whole.choices[0].message.content.startswith("As of now")


def test_mistralai(local):
    """Its client has no such parameter; it is put into the body on the way, to see whether the answer is understood."""
    import httpx2
    from mistralai.client import Mistral

    class Asking(httpx2.HTTPTransport):
        def handle_request(self, request):
            body = json.dumps({**json.loads(request.read()), **ASKED}).encode()
            headers = {**request.headers, "content-length": str(len(body))}
            return super().handle_request(httpx2.Request(request.method, request.url, headers=headers, content=body))

    asking = httpx2.Client(transport=Asking())
    with (
        Mistral(server_url=local.url, api_key=local.key, client=asking) as client,
        client.chat.stream(model=MODEL, messages=MESSAGES) as events,
    ):
        chunks = [event.data for event in events]
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 91)


def test_langchain(local):
    """It never asks by itself. Made to, it skips the chunk without choices: the text is whole, usage is not there."""
    from langchain_mistralai import ChatMistralAI

    asking = {"endpoint": f"{local.url}/v1", "api_key": local.key, "model": MODEL}
    pieces = list(ChatMistralAI(**asking, model_kwargs=ASKED).stream(MESSAGES))
    message = sum(pieces[1:], pieces[0])
    assert message.content.startswith("As of now") and message.usage_metadata is None
    pieces = list(ChatMistralAI(**asking).stream(MESSAGES))
    assert sum(pieces[1:], pieces[0]).usage_metadata["total_tokens"] == 91


@pytest.mark.parametrize("stream", [False, True])
def test_mistral_azure_names_no_model(local, stream):
    """Its own route, its own api-version, and a model that is nobody's."""
    from mistralai.azure.client import MistralAzure

    with MistralAzure(server_url=local.url, api_key=local.key) as client:
        if stream:
            with client.chat.stream(messages=MESSAGES) as events:
                answer = [event.data for event in events][-1]
        else:
            answer = client.chat.complete(messages=MESSAGES)
    assert (answer.model, answer.usage.total_tokens) == (MODEL, 91)
    (sent,) = local.exchanges()
    assert (sent["path"], sent["query"]) == ("/models/chat/completions", "api-version=2024-05-01-preview")
    assert json.loads(sent["body"])["model"] == "azureai"
