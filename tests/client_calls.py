"""The clients, each making the same chat completion against the endpoint of the environment variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from mistral_on_azure.catalog.clients import clients

MODEL = "mistralai-Mistral-7B-Instruct-v01"
SYSTEM, PROMPT = "You are a helpful assistant.", "How many languages are in the world?"
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
SETTINGS: dict[str, Any] = {"temperature": 0.0, "max_tokens": 256}
Answered = tuple[str, int, int, int]  # text, prompt tokens, completion tokens, total tokens


def _endpoint() -> str:
    return os.environ["AZURE_INFERENCE_ENDPOINT"]


def _key() -> str:
    return os.environ["AZURE_INFERENCE_CREDENTIAL"]


def _answered(text: str, usage: Any) -> Answered:
    return text, usage.prompt_tokens, usage.completion_tokens, usage.total_tokens


def webrequests(stream: bool = False) -> Answered:
    import json

    import requests

    response = requests.post(
        f"{_endpoint()}/chat/completions",
        params={"api-version": "2024-05-01-preview"},
        headers={"Authorization": f"Bearer {_key()}"},
        json={"model": MODEL, "messages": MESSAGES, **SETTINGS, **({"stream": True} if stream else {})},
        timeout=30,
    )
    response.raise_for_status()
    if not stream:
        body = response.json()
        return body["choices"][0]["message"]["content"], *_counts(body["usage"])
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    return "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks), *_counts(chunks[-1]["usage"])


def _counts(usage: dict[str, int]) -> tuple[int, int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]


def azure_sdk(stream: bool = False) -> Answered:
    from azure.ai.inference import ChatCompletionsClient
    from azure.ai.inference.models import SystemMessage, UserMessage
    from azure.core.credentials import AzureKeyCredential

    messages = [SystemMessage(content=SYSTEM), UserMessage(content=PROMPT)]
    with ChatCompletionsClient(_endpoint(), AzureKeyCredential(_key())) as client:
        if not stream:
            response = client.complete(messages=messages, model=MODEL, **SETTINGS)
            return _answered(response.choices[0].message.content, response.usage)
        return _gathered(client.complete(messages=messages, model=MODEL, stream=True, **SETTINGS))


def openai_sdk(stream: bool = False) -> Answered:
    from openai import OpenAI

    with OpenAI(base_url=f"{_endpoint()}/v1", api_key=_key()) as client:
        if not stream:
            response = client.chat.completions.create(model=MODEL, messages=MESSAGES, **SETTINGS)
            return _answered(response.choices[0].message.content, response.usage)
        return _gathered(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **SETTINGS))


def langchain(stream: bool = False) -> Answered:
    from langchain.chat_models import init_chat_model

    model = init_chat_model(MODEL, model_provider="mistralai", endpoint=f"{_endpoint()}/v1", api_key=_key(), **SETTINGS)
    if stream:
        pieces = list(model.stream(MESSAGES))
        message = sum(pieces[1:], pieces[0])
    else:
        message = model.invoke(MESSAGES)
    usage = message.usage_metadata
    return message.content, usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]


def mistralai(stream: bool = False) -> Answered:
    from mistralai.client import Mistral

    with Mistral(server_url=_endpoint(), api_key=_key()) as client:
        if not stream:
            response = client.chat.complete(model=MODEL, messages=MESSAGES, **SETTINGS)
            return _answered(response.choices[0].message.content, response.usage)
        with client.chat.stream(model=MODEL, messages=MESSAGES, **SETTINGS) as events:
            return _gathered(event.data for event in events)


def litellm(stream: bool = False) -> Answered:
    import litellm as library

    arguments = {"model": f"azure_ai/{MODEL}", "api_base": _endpoint(), "api_key": _key(), "messages": MESSAGES}
    if not stream:
        response = library.completion(**arguments, **SETTINGS)
        return _answered(response.choices[0].message.content, response.usage)
    # stream_options is not a parameter of the Model Inference API, so it has to be passed through.
    asked = {"stream_options": {"include_usage": True}, "extra_headers": {"extra-parameters": "pass-through"}}
    chunks = library.completion(**arguments, **SETTINGS, stream=True, **asked)
    answered = _gathered(chunks)
    next(chunks, None)  # litellm leaves the end of a stream unread, and collecting it then can hang
    return answered


def _gathered(chunks: Iterator[Any]) -> Answered:
    """Text and usage of a stream of chunks."""
    text, usage = "", None
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    return _answered(text, usage)


# By the keys of clients.toml, in its order.
CLIENTS: dict[str, Callable[..., Answered]] = {
    key: globals()[call] for key in clients() if (call := key.replace("-", "_")) in globals()
}
