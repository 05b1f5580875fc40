"""What the page of symptoms says is raised: the exceptions exist, and the clients raise them."""

from __future__ import annotations

import builtins
import os
from importlib import import_module

import pytest

from mistral_on_azure import local_endpoint
from mistral_on_azure.gallery.measured_pages import symptoms_of
from mistral_on_azure.upkeep.faults import calls

SYMPTOMS = {each["title"]: each for each in symptoms_of()}
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download when it is imported
MODEL = "mistralai-Mistral-7B-Instruct-v01"
TOO_LONG = [{"role": "user", "content": "word " * 9_000}]


def named(path: str) -> type:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module) if module else builtins, name)


def raised_by_clients(url: str, key: str, **request: object) -> dict[str, type[Exception]]:
    found = {}
    for client, call in calls.CALLS.items():
        with pytest.raises(Exception) as caught:
            call(calls.Call(url, key, timeout=5, request={**calls.REQUEST, **request}))
        found[client] = caught.type
    return found


@pytest.mark.parametrize("path", sorted({path for each in SYMPTOMS.values() for path in each["raised"]}))
def test_an_exception_of_the_page_is_one_of_its_package(path):
    assert issubclass(named(path), Exception)


def test_no_entry_of_the_index_is_cut_by_a_comma():
    assert not [word for each in SYMPTOMS.values() for word in each["words"] if "," in word]


def test_where_nothing_answers_each_client_raises_what_the_page_says():
    found = raised_by_clients("http://127.0.0.1:9", "anything")
    assert {*found.values()} == {named(path) for path in SYMPTOMS["Nothing answers at the address"]["raised"]}


@pytest.mark.parametrize(
    ("title", "changed"),
    [
        ("422 Unprocessable Entity", {"presence_penalty": 3}),
        ("The conversation is too long for the model", {"messages": TOO_LONG}),
    ],
)
def test_a_refused_request_raises_what_the_page_says(title, changed):
    with local_endpoint("serverless", MODEL) as there:
        found = raised_by_clients(there["AZURE_INFERENCE_ENDPOINT"], there["AZURE_INFERENCE_CREDENTIAL"], **changed)
    assert {named(path) for path in SYMPTOMS[title]["raised"]} <= {*found.values()}
