"""One question to a Mistral model on Azure, with each of six clients; a busy service is asked again, twice at most."""

from __future__ import annotations

import os
import time

from triage import Ask, Unavailable

MODEL = "mistralai-Mistral-7B-Instruct-v01"
AGAIN, TIMEOUT = 2, 30.0  # further tries, and seconds for each


def _where() -> tuple[str, str]:
    return os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]


def _messages(instruction: str, ticket: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": instruction}, {"role": "user", "content": ticket}]


def webrequests(instruction: str, ticket: str, most_tokens: int) -> str:
    import requests

    url, key = _where()
    body = {"model": MODEL, "messages": _messages(instruction, ticket), "temperature": 0, "max_tokens": most_tokens}
    for left in range(AGAIN, -1, -1):
        try:
            answer = requests.post(
                f"{url}/chat/completions", headers={"Authorization": f"Bearer {key}"}, json=body, timeout=TIMEOUT
            )
            answer.raise_for_status()
            return answer.json()["choices"][0]["message"]["content"]
        except (requests.RequestException, ValueError) as error:
            status = (
                getattr(error.response, "status_code", 503) if isinstance(error, requests.RequestException) else 503
            )
            if not left or (status < 500 and status != 429):
                raise Unavailable(str(error)) from error
            wait = error.response.headers.get("Retry-After", "") if getattr(error, "response", None) is not None else ""
            time.sleep(int(wait) if wait.isdigit() else 0.2)
    raise AssertionError


def azure_sdk(instruction: str, ticket: str, most_tokens: int) -> str:
    from azure.ai.inference import ChatCompletionsClient
    from azure.core.credentials import AzureKeyCredential
    from azure.core.exceptions import AzureError

    url, key = _where()
    try:
        with ChatCompletionsClient(url, AzureKeyCredential(key), retry_total=AGAIN, retry_backoff_factor=0.1) as client:
            answer = client.complete(
                messages=_messages(instruction, ticket), model=MODEL, temperature=0, max_tokens=most_tokens
            )
    except AzureError as error:
        raise Unavailable(str(error)) from error
    return answer.choices[0].message.content


def openai_sdk(instruction: str, ticket: str, most_tokens: int) -> str:
    from openai import OpenAI, OpenAIError

    url, key = _where()
    try:
        with OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=AGAIN, timeout=TIMEOUT) as client:
            answer = client.chat.completions.create(
                messages=_messages(instruction, ticket), model=MODEL, temperature=0, max_tokens=most_tokens
            )
    except OpenAIError as error:
        raise Unavailable(str(error)) from error
    return answer.choices[0].message.content or ""


def langchain(instruction: str, ticket: str, most_tokens: int) -> str:
    import httpx
    from langchain.chat_models import init_chat_model

    url, key = _where()
    model = init_chat_model(
        MODEL, model_provider="mistralai", endpoint=f"{url}/v1", api_key=key, temperature=0, max_tokens=most_tokens
    ).with_retry(retry_if_exception_type=(httpx.HTTPError,), stop_after_attempt=AGAIN + 1)
    try:
        return model.invoke(_messages(instruction, ticket)).content
    except httpx.HTTPError as error:
        raise Unavailable(str(error)) from error


def mistralai(instruction: str, ticket: str, most_tokens: int) -> str:
    import httpx2 as httpx
    from mistralai.client import Mistral
    from mistralai.client.errors import MistralError
    from mistralai.client.utils import BackoffStrategy, RetryConfig

    url, key = _where()
    waits = BackoffStrategy(initial_interval=100, max_interval=2_000, exponent=1.5, max_elapsed_time=4_000)
    retries = RetryConfig("backoff", waits, retry_connection_errors=True)
    try:
        with Mistral(server_url=url, api_key=key, retry_config=retries) as client:
            answer = client.chat.complete(
                messages=_messages(instruction, ticket), model=MODEL, temperature=0, max_tokens=most_tokens
            )
    except (MistralError, httpx.HTTPError) as error:
        raise Unavailable(str(error)) from error
    return answer.choices[0].message.content


def litellm(instruction: str, ticket: str, most_tokens: int) -> str:
    import openai
    from litellm import completion

    url, key = _where()
    try:
        answer = completion(
            f"azure_ai/{MODEL}", _messages(instruction, ticket), api_base=url, api_key=key, temperature=0,
            max_tokens=most_tokens, num_retries=AGAIN, timeout=TIMEOUT,
        )  # fmt: skip
    except openai.OpenAIError as error:  # which all of litellm's errors are
        raise Unavailable(str(error)) from error
    return answer.choices[0].message.content


CALLERS: dict[str, Ask] = {
    each.__name__: each for each in (webrequests, azure_sdk, openai_sdk, langchain, mistralai, litellm)
}
