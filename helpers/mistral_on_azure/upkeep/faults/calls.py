"""The calls of the clients, each as in its notebook and with its own defaults: no retries added, no timeout given.

Each function requests one chat completion and adds the text to `pieces` as it arrives: after a failure, that is what a
user has received. The client is imported in its function, so that a process which measures one client loads only that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

from mistral_on_azure.catalog.clients import clients

MODEL = "mistralai-Mistral-7B-Instruct-v01"
MESSAGES = [{"role": "user", "content": "How many languages are in the world?"}]
SETTINGS = {"temperature": 0.0, "max_tokens": 24}


@dataclass(slots=True)
class Call:
    """One request for a chat completion, and its answer so far.

    Attributes:
        timeout: seconds; None leaves the client's default.
        pieces: the text of each chunk so far.
        finish: the finish reason, if the client has one.
    """

    url: str
    key: str = field(repr=False)
    stream: bool = False
    timeout: int | None = None
    pieces: list[str] = field(default_factory=list)
    finish: str | None = None

    def limit(self, name: str, unit: int = 1) -> dict[str, int]:
        """The keyword argument `name` with the timeout times `unit`; none without a timeout."""
        return {} if self.timeout is None else {name: self.timeout * unit}

    def take(self, text: str | None, finish: str | None) -> None:
        """Add the text of a chunk, and its finish reason."""
        self.pieces.append(text or "")
        self.finish = finish or self.finish

    def take_answer(self, answer: Any) -> None:
        """Add a whole answer of OpenAI's shape."""
        self.take(answer.choices[0].message.content, answer.choices[0].finish_reason)

    def take_stream(self, chunks: Iterator[Any]) -> None:
        """Read a stream of OpenAI's shape to its end."""
        for chunk in chunks:
            if chunk.choices:
                self.take(chunk.choices[0].delta.content, chunk.choices[0].finish_reason)


def webrequests(call: Call) -> None:
    import requests

    url = f"{call.url}/chat/completions?api-version=2024-05-01-preview"
    body = {"model": MODEL, "messages": MESSAGES, **SETTINGS}
    client = requests.Session()
    client.headers["Authorization"] = f"Bearer {call.key}"
    if not call.stream:
        response = client.post(url, json=body, **call.limit("timeout"))
        response.raise_for_status()
        choice = response.json()["choices"][0]
        call.take(choice["message"]["content"], choice["finish_reason"])
        return
    with client.post(url, json={**body, "stream": True}, stream=True, **call.limit("timeout")) as stream:
        stream.raise_for_status()
        for line in stream.iter_lines():
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                chunk = json.loads(line.removeprefix(b"data: "))
                if chunk["choices"]:
                    call.take(chunk["choices"][0]["delta"].get("content"), chunk["choices"][0]["finish_reason"])


def azure_sdk(call: Call) -> None:
    from azure.ai.inference import ChatCompletionsClient
    from azure.ai.inference.models import UserMessage
    from azure.core.credentials import AzureKeyCredential

    client = ChatCompletionsClient(
        call.url, AzureKeyCredential(call.key), **call.limit("connection_timeout"), **call.limit("read_timeout")
    )
    messages = [UserMessage(message["content"]) for message in MESSAGES]
    if call.stream:
        call.take_stream(client.complete(model=MODEL, messages=messages, stream=True, **SETTINGS))
    else:
        response = client.complete(model=MODEL, messages=messages, **SETTINGS)
        call.take_answer(response)


def openai_sdk(call: Call) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{call.url}/v1", api_key=call.key, **call.limit("timeout"))
    if call.stream:
        call.take_stream(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **SETTINGS))
    else:
        response = client.chat.completions.create(model=MODEL, messages=MESSAGES, **SETTINGS)
        call.take_answer(response)


def langchain(call: Call) -> None:
    from langchain.chat_models import init_chat_model

    address = {"base_url": f"{call.url}/v1", "api_key": call.key}
    client = init_chat_model(MODEL, model_provider="mistralai", **address, **SETTINGS, **call.limit("timeout"))
    if call.stream:
        for chunk in client.stream(MESSAGES):
            call.take(chunk.text, chunk.response_metadata.get("finish_reason"))
    else:
        message = client.invoke(MESSAGES)
        call.take(message.text, message.response_metadata.get("finish_reason"))


def mistralai(call: Call) -> None:
    from mistralai.client import Mistral

    client = Mistral(server_url=call.url, api_key=call.key, **call.limit("timeout_ms", 1000))
    if call.stream:
        with client.chat.stream(model=MODEL, messages=MESSAGES, **SETTINGS) as events:
            call.take_stream(event.data for event in events)
    else:
        response = client.chat.complete(model=MODEL, messages=MESSAGES, **SETTINGS)
        call.take_answer(response)


def litellm(call: Call) -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import: no download
    import litellm as library

    library.suppress_debug_info = True
    library.in_memory_llm_clients_cache.flush_cache()  # or cases would share connections
    address = {"model": f"azure_ai/{MODEL}", "api_base": call.url, "api_key": call.key}
    request = {**address, "messages": MESSAGES, **SETTINGS, **call.limit("timeout")}
    if call.stream:
        call.take_stream(library.completion(**request, stream=True))
    else:
        call.take_answer(library.completion(**request))


# The functions that the table of clients names in `call`, by client. Most of them are in this module.
CALLS: dict[str, Callable[[Call], None]] = {
    client.key: resolve_name(client.call) for client in clients().values() if client.call
}
PACKAGES = {client: clients()[client].package for client in CALLS}
