"""The six clients of the recipe on errors: what each does by itself, and the limits that its requests carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
import requests
from azure.ai.inference import ChatCompletionsClient
from azure.core.credentials import AzureKeyCredential
from langchain_mistralai import ChatMistralAI
from mistralai.client import Mistral

from mistral_on_azure import local_endpoint
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.notebook.kept_measurements import plot_client_faults
from mistral_on_azure.snippets.starter import composed

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
MODEL = "mistralai-Mistral-7B-Instruct-v01"
REQUEST = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}


def test_the_picture_says_what_was_measured():
    plot = plot_client_faults()
    assert plot.words("429 with Retry-After", "azure-sdk") == ("4 tries", "3 × 2 s, as told")
    assert plot.words("error event (streamed)", "litellm") == ("1 try", "a part, no error")
    assert plot.words("502", "openai-sdk") == ("3 tries", "waits 1.5 s")
    assert {plot.words("424 around 503", client)[0] for client in plot.clients} == {"1 try"}
    assert plot.png() == plot.png() and len(plot.alt) > 200
    assert "local endpoint, 20" in plot.alt and "openai 2" in plot.alt


@pytest.fixture
def clients(monkeypatch) -> Iterator[dict[str, Any]]:
    """The six clients of the notebook, at a local endpoint."""
    with local_endpoint("serverless", MODEL) as there:
        for name in ("AZURE_INFERENCE_ENDPOINT", "AZURE_INFERENCE_CREDENTIAL"):
            monkeypatch.setenv(name, there[name])
        monkeypatch.delenv("AZURE_INFERENCE_OPENAI_ENDPOINT", raising=False)
        names: dict[str, Any] = {}
        exec(composed(NOTEBOOKS, "Take the clients' own retries away", "recipes/errors"), names)
        yield names


@pytest.fixture
def carried(monkeypatch) -> list[float | None]:
    """How long each request that is sent waits for an answer, in seconds; None without a limit."""
    limits: list[float | None] = []

    def noting(kind: type, limit) -> None:
        send = kind.send

        def noted(self, request, **more):
            limits.append(limit(request, more))
            return send(self, request, **more)

        monkeypatch.setattr(kind, "send", noted)

    for kind in httpx.Client, httpx2.Client:
        noting(kind, lambda request, _: request.extensions["timeout"]["read"])
    noting(
        requests.Session, lambda _, more: more["timeout"][-1] if isinstance(more["timeout"], tuple) else more["timeout"]
    )
    return limits


def test_the_limits_that_the_notebook_prints_are_those_of_the_requests(clients, carried):
    """Each client is asked with nothing set, as its notebook does."""
    url, key, v1 = clients["url"], clients["key"], clients["v1"]
    asked = {"model": MODEL, **REQUEST}
    bearer, there = {"Authorization": f"Bearer {key}"}, {"model": f"azure_ai/{MODEL}", "api_base": url, "api_key": key}
    calls = {
        "requests": lambda: requests.post(f"{url}/chat/completions", json=asked, headers=bearer),
        "Azure SDK": lambda: ChatCompletionsClient(url, AzureKeyCredential(key)).complete(**asked),
        "OpenAI SDK": lambda: openai.OpenAI(**v1).chat.completions.create(**asked),
        "LangChain": lambda: ChatMistralAI(model=MODEL, **v1).invoke(REQUEST["messages"]),
        "mistralai": lambda: Mistral(server_url=url, api_key=key).chat.complete(**asked),
        "LiteLLM": lambda: clients["litellm"].completion(**asked | there),
    }
    for call in calls.values():
        call()
    (cell,) = (cell for cell in load(NOTEBOOKS / "recipes" / "errors.ipynb").code if cell.id == "clients-2")
    printed = "".join(cell.outputs[0]["text"])
    limits = ["no limit" if each is None else f"{each:.0f}" for each in carried]
    said = [f"{name:10} {limit}" for name, limit in zip(calls, limits, strict=True)]
    assert printed.splitlines() == said
    assert openai.DEFAULT_MAX_RETRIES == 2


@pytest.mark.parametrize("name", ["requests", "azure", "openai", "langchain", "mistralai", "litellm"])
def test_each_function_sends_the_whole_request_and_its_limit(clients, carried, name):
    """A limit of three tokens holds, or the budget would not."""
    ask, asked = clients[f"ask_{name}"], {**REQUEST, "model": MODEL, "max_tokens": 3}
    assert ask(asked, 7)["usage"]["total_tokens"] == ask({**asked, "max_tokens": 4}, 8)["usage"]["total_tokens"] - 1
    assert carried == [7, 8]
