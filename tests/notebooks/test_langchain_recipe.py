"""Which LangChain class: its table of kinds is the cookbook's, and its picture shows what its words say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from azure.identity import DefaultAzureCredential

from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, EITHER

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RECIPE = json.loads((NOTEBOOKS / "recipes/which-langchain-class.ipynb").read_text(encoding="utf-8"))
CELLS = {cell["id"]: cell for cell in RECIPE["cells"]}
ADDRESSES, TOKENS = (
    [line.strip("| ").split(" | ") for line in "".join(CELLS[cell]["source"]).splitlines() if line[:3] == "| `"]
    for cell in ("ask-1", "entra-1")
)
COLUMNS = [f"{kind} {name}" for kind in DEPLOYMENT_KINDS for name in ("ChatMistralAI", "ChatOpenAI")]


def shown(cell: str) -> str:
    """What a cell printed, or the words of its picture."""
    outputs = CELLS[cell]["outputs"]
    return "".join("".join(each.get("text") or each["data"]["text/plain"]) for each in outputs)


@pytest.fixture(scope="module")
def held() -> dict[str, dict[str, str]]:
    """What each check found, by its name and by kind and class."""
    head, _, rows = shown("table-5").removeprefix("What holds for ").rstrip(".").partition(". ")
    assert head.split(", ") == COLUMNS
    pairs = (row.split(": ") for row in rows.split("; "))
    return {name: dict(zip(COLUMNS, found.split(", "), strict=True)) for name, found in pairs}


@pytest.mark.parametrize("kind", DEPLOYMENT_KINDS.values(), ids=lambda kind: kind.name)
def test_the_tables_say_of_each_kind_what_the_cookbook_knows(kind):
    suffix = f"`{(kind.suffixes or EITHER)[0]}`"
    ((place, base),) = [row for row in ADDRESSES if suffix in row[0]]
    ((_, scope, role),) = [row for row in TOKENS if suffix in row[0]]
    assert f"({kind.words.lower()}" in place.lower() and base.endswith(f"`{kind.openai_path}`")
    assert scope == f"`{kind.scope}`" and kind.role.startswith(role.split(",")[0])


def test_what_is_lost_in_silence_is_lost_on_managed_compute_alone(held):
    lost = {(name, column) for name, found in held.items() for column, said in found.items() if " " in said}
    assert lost == {
        ("max_tokens holds", "managed ChatOpenAI"),
        ("usage in a stream", "managed ChatMistralAI"),
        ("usage in a stream", "managed ChatOpenAI"),
        ("… asked for", "managed ChatMistralAI"),
    }


def test_the_prompt_works_everywhere_and_the_defaults_differ(held):
    assert set(held["objects by prompt"].values()) == {"yes"}
    assert held["objects by default"]["serverless ChatMistralAI"] == "yes"
    assert held["objects by default"]["serverless ChatOpenAI"] == "422"


def test_microsofts_class_does_what_its_parent_does(held):
    told = re.fullmatch(r"Microsoft's class as ChatOpenAI: (\d+) of (\d+)\n", shown("table-2"))
    assert told and told[1] == told[2] == str(len(held) * len(DEPLOYMENT_KINDS))


def test_a_project_in_the_environment_outdoes_base_url_but_not_endpoint(monkeypatch):
    """Which is why the recipe gives Microsoft's class its address under the other name."""
    models = pytest.importorskip("langchain_azure_ai.chat_models", reason="make group NAME=langchain installs it")
    monkeypatch.setenv("AZURE_AI_PROJECT_ENDPOINT", "https://host.services.ai.azure.com/api/projects/other")
    given = {"model": "name", "api_key": "key"}
    asked = models.AzureAIOpenAIApiChatModel(base_url="https://host.example/v1", **given)
    assert "/api/projects/other" in str(asked.root_client.base_url)
    asked = models.AzureAIOpenAIApiChatModel(endpoint="https://host.example/v1", **given)
    assert str(asked.root_client.base_url) == "https://host.example/v1/"


def test_with_a_credential_microsofts_class_forgets_its_settings():
    """The recipe names what is lost, and gives a token provider as api_key instead."""
    models = pytest.importorskip("langchain_azure_ai.chat_models", reason="make group NAME=langchain installs it")
    given = {"model": "name", "endpoint": "https://host.example/v1", "timeout": 7, "max_retries": 0}
    given["default_headers"] = {"extra-parameters": "pass-through"}
    kept = models.AzureAIOpenAIApiChatModel(api_key=lambda: "token", **given)
    assert (kept.root_client.timeout, kept.root_client.max_retries, kept.use_responses_api) == (7, 0, None)
    assert "extra-parameters" in kept.root_client.default_headers
    lost = models.AzureAIOpenAIApiChatModel(credential=DefaultAzureCredential(), **given)
    assert lost.root_client.timeout != 7 and lost.root_client.max_retries == 2 and lost.use_responses_api
    assert "extra-parameters" not in lost.root_client.default_headers
