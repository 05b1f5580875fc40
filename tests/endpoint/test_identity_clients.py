"""The clients, sync and async, with Microsoft Entra ID over https: azure-identity is all that knows about it."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.deployments import ML_SCOPE as SCOPE

MODEL = "mistralai-Mistral-7B-Instruct-v01"
MESSAGES = [{"role": "user", "content": "How many languages are in the world?"}]
TOKENS = 72


@pytest.fixture(params=[3_600, 5], ids=["long-lived", "short-lived"])
def url(local: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The https address; the environment is what App Service would set, and who to trust."""
    identity = local.identity(token_lifetime=request.param)
    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    return identity[ENDPOINT]


@pytest.fixture
def credential() -> Iterator[Any]:
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential(process_timeout=60) as credential:
        yield credential


@pytest.fixture
def provider(credential: Any) -> Callable[[], str]:
    from azure.identity import get_bearer_token_provider

    return get_bearer_token_provider(credential, SCOPE)


def test_requests(url, provider):
    import requests

    for _ in range(2):
        headers = {"Authorization": f"Bearer {provider()}"}
        answer = requests.post(f"{url}/chat/completions", headers=headers, json={"messages": MESSAGES}, timeout=60)
        assert answer.json()["usage"]["completion_tokens"] == TOKENS


async def test_requests_async(url):
    """requests knows no await: the notebook goes on with httpx."""
    import httpx
    from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider

    async with DefaultAzureCredential(process_timeout=60) as credential, httpx.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {await get_bearer_token_provider(credential, SCOPE)()}"}
        answer = await client.post(f"{url}/chat/completions", headers=headers, json={"messages": MESSAGES})
    assert answer.json()["usage"]["completion_tokens"] == TOKENS


def test_azure_sdk(url, credential):
    from azure.ai.inference import ChatCompletionsClient

    with ChatCompletionsClient(url, credential, credential_scopes=[SCOPE]) as client:
        for _ in range(2):
            assert client.complete(messages=MESSAGES).usage.completion_tokens == TOKENS


async def test_azure_sdk_async(url):
    from azure.ai.inference.aio import ChatCompletionsClient
    from azure.identity.aio import DefaultAzureCredential

    # aiohttp reads SSL_CERT_FILE when it is imported, which another test may have done long ago.
    trust = {"connection_verify": os.environ["SSL_CERT_FILE"]}
    async with (
        DefaultAzureCredential(process_timeout=60) as credential,
        ChatCompletionsClient(url, credential, credential_scopes=[SCOPE], **trust) as client,
    ):
        assert (await client.complete(messages=MESSAGES)).usage.completion_tokens == TOKENS


def test_openai(url, provider):
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key=provider) as client:
        answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.usage.completion_tokens == TOKENS


async def test_openai_async(url):
    from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider
    from openai import AsyncOpenAI

    async with DefaultAzureCredential(process_timeout=60) as credential:
        provider = get_bearer_token_provider(credential, SCOPE)
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key=provider) as client:
            answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.usage.completion_tokens == TOKENS


async def test_mistralai(url, provider):
    from mistralai.client import Mistral

    with Mistral(api_key=provider, server_url=url) as client:
        assert client.chat.complete(model=MODEL, messages=MESSAGES).usage.completion_tokens == TOKENS
    async with Mistral(api_key=provider, server_url=url) as client:
        answer = await client.chat.complete_async(model=MODEL, messages=MESSAGES)
    assert answer.usage.completion_tokens == TOKENS


async def test_langchain(url, provider):
    """Its own TLS context trusts certifi only, so a private authority comes with clients of one's own."""
    import httpx
    from langchain_mistralai import ChatMistralAI

    common = {"base_url": f"{url}/v1", "verify": ssl.create_default_context()}
    headers = {"Authorization": f"Bearer {provider()}"}
    with httpx.Client(headers=headers, **common) as client:
        model = ChatMistralAI(model=MODEL, endpoint=f"{url}/v1", client=client)
        assert model.invoke("How many languages are in the world?").usage_metadata["output_tokens"] == TOKENS
    headers["Authorization"] = f"Bearer {provider()}"
    async with httpx.AsyncClient(headers=headers, **common) as client:
        model = ChatMistralAI(model=MODEL, endpoint=f"{url}/v1", async_client=client)
        answer = await model.ainvoke("How many languages are in the world?")
    assert answer.usage_metadata["output_tokens"] == TOKENS


LITELLM = """
import asyncio, sys
import litellm
from azure.identity import DefaultAzureCredential, get_bearer_token_provider

url, scope, model = sys.argv[1:]
provider = get_bearer_token_provider(DefaultAzureCredential(process_timeout=60), scope)
for route, base in (("mistral", url + "/v1"), ("azure_ai", url)):
    common = {"model": f"{route}/{model}", "api_base": base, "messages": [{"role": "user", "content": "Hello"}]}
    assert litellm.completion(api_key=provider(), **common).usage.completion_tokens
    assert asyncio.run(litellm.acompletion(api_key=provider(), **common)).usage.completion_tokens
"""


@pytest.mark.parametrize("url", [5], indirect=True, ids=["short-lived"])  # with a long-lived one its starter is tested
def test_litellm(url):
    """In a fresh interpreter: litellm keeps its connections, and with them whom it trusted in another test."""
    command = [sys.executable, "-c", LITELLM, url, SCOPE, MODEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
