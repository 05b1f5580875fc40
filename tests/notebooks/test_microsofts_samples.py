"""The faults of the samples on Microsoft's page show themselves as two pages say, and each page names each fault."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from azure.ai.inference import ChatCompletionsClient
from azure.core.credentials import AzureKeyCredential

from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.gallery.measured_pages import symptoms_of

PAGE = Path(__file__).resolve().parents[2] / "notebooks" / "coming-from-microsoft.md"
MESSAGES = [{"role": "user", "content": "How many languages are in the world?"}]
SYMPTOMS = {each["title"].strip("`"): f"{each['cause']} {each['remedy']}" for each in symptoms_of()}
STREAM = "AttributeError: 'str' object has no attribute 'choices'"
PENALTY = "SyntaxError: Invalid shorthand property initializer"
EXTRA = "Extra parameters ['logprobs'] are not allowed"


class Endpoint(NamedTuple):
    kind: str
    url: str
    key: str


@pytest.fixture(scope="module", params=["serverless", "managed"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with start(kind=request.param) as running:
        yield Endpoint(request.param, running.url, running.keys[0])


def answer(endpoint: Endpoint, more: dict[str, object], **headers: str) -> httpx.Response:
    return httpx.post(
        f"{endpoint.url}/chat/completions",
        json={"messages": MESSAGES, "max_tokens": 4, **more},
        headers={"authorization": f"Bearer {endpoint.key}", **headers},
    )


def test_a_loop_over_a_whole_answer_ends_with_the_error_of_the_title(endpoint):
    client = ChatCompletionsClient(endpoint.url, AzureKeyCredential(endpoint.key))
    for stream in (False, True):
        result = client.complete(messages=MESSAGES, stream=stream)
        if stream:
            assert any(chunk.choices for chunk in result)
        else:
            with pytest.raises(AttributeError) as caught:
                [chunk.choices for chunk in result]
            assert f"AttributeError: {caught.value}" == STREAM


def test_a_penalty_as_a_string_is_taken_by_managed_compute_alone(endpoint):
    there = answer(endpoint, {"presence_penalty": "0.1"})
    assert there.status_code == (200 if endpoint.kind == "managed" else 422)
    assert there.status_code == 200 or "presence_penalty must be a number, not a string" in there.text
    assert answer(endpoint, {"presence_penalty": 0.1}).status_code == 200


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js here")
def test_an_equals_sign_in_an_object_ends_with_the_error_of_the_title():
    program = 'const body = { presence_penalty = "0.1" };'
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, timeout=30)
    assert PENALTY in done.stderr


def test_nothing_reads_the_header_of_the_sample(endpoint):
    more = {"logprobs": True}
    refused = answer(endpoint, more, **{"extra-params": "passthrough"})
    assert refused.status_code == (424 if endpoint.kind == "managed" else 400) and EXTRA in refused.text
    assert answer(endpoint, more, **{"extra-parameters": "pass-through"}).status_code == 200


@pytest.mark.parametrize("name", ["ChatCompletionsResponseFormat", "ChatCompletionsResponseFormatText"])
def test_the_sample_with_more_parameters_imports_what_is_gone(name):
    with pytest.raises(ImportError) as caught:
        exec(f"from azure.ai.inference.models import {name}")
    page = PAGE.read_text(encoding="utf-8")
    assert f"`{name}`" in page
    assert name != "ChatCompletionsResponseFormatText" or str(caught.value).partition(" (")[0] in page


def test_a_response_format_of_text_is_taken(endpoint):
    client = ChatCompletionsClient(endpoint.url, AzureKeyCredential(endpoint.key))
    assert client.complete(messages=MESSAGES, response_format="text").choices


@pytest.mark.parametrize(("module", "name"), [("chains", "LLMChain"), ("memory", "ConversationBufferMemory")])
def test_the_sample_for_langchain_imports_what_is_gone(module, name):
    with pytest.raises(ModuleNotFoundError, match=rf"No module named 'langchain\.{module}'"):
        import_module(f"langchain.{module}")
    assert name in PAGE.read_text(encoding="utf-8")
    assert name in (PAGE.parent / "langchain.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "fault", "right"),
    [
        (STREAM, "lacks `stream=True`", "stream=True"),
        (PENALTY, "penalties as strings", "presence_penalty: 0.1"),
        (EXTRA, "`extra-params: passthrough`", "`extra-parameters: pass-through`"),
    ],
)
def test_each_page_names_the_fault_and_the_line_that_works(title, fault, right):
    assert fault in SYMPTOMS[title] and right in SYMPTOMS[title]
    page = PAGE.read_text(encoding="utf-8")
    assert right in page and (title.split(": ")[-1] in page or fault in page)
