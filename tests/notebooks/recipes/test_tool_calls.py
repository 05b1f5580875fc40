"""The recipe on tools: what a refusal becomes in each client, and the calls of a stream joined as its text says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import AzureError
from httpx import HTTPStatusError
from mistralai.client.errors import MistralError
from openai import OpenAIError

from mistral_on_azure import local_endpoint
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.snippets.starter import composed

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
RECIPE = load(NOTEBOOKS / "recipes" / "call-tools-in-a-loop.ipynb", NOTEBOOKS)
MODES = load(NOTEBOOKS / "recipes" / "json-you-can-trust.ipynb", NOTEBOOKS)
MODEL = "mistralai-Mixtral-8x22B-Instruct-v0-1"
RAISED = {
    "azure-ai-inference": AzureError,
    "mistralai": MistralError,
    "litellm": OpenAIError,
    "requests": requests.HTTPError,
    "langchain": HTTPStatusError,
}


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, Any]]:
    """What the program of the section defines, with the recipe's script as the model."""
    with local_endpoint("serverless", MODEL) as there, pytest.MonkeyPatch.context() as patch:
        for name, value in there.items():
            patch.setenv(name, value)
        names: dict[str, Any] = {}
        code = composed(NOTEBOOKS, "Use the client that you have", "recipes/call-tools-in-a-loop")
        exec(compile(code, "program", "exec", dont_inherit=True), names)  # its annotations are no texts
        yield names


@pytest.mark.parametrize("client", RAISED)
def test_a_refusal_is_an_error_of_the_client_and_not_an_answer_without_choices(recipe, client):
    fault, bearer = {"status": 401, "count": 1}, {"Authorization": f"Bearer {recipe['key']}"}
    requests.post(f"{recipe['endpoint']}/local/faults", json=fault, headers=bearer, timeout=5).raise_for_status()
    with pytest.raises(RAISED[client]):
        recipe["clients"][client]([{"role": "user", "content": "Hello"}])


def test_the_calls_of_a_stream_are_joined_as_the_text_says(recipe):
    (text,) = (cell.source for cell in RECIPE.markdown if "def joined" in cell.source)
    (code,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    joined = names["joined"]
    exec(code.replace("piece.index", 'piece["index"]'), names)
    asked = {"messages": [{"role": "user", "content": recipe["question"]}], **recipe["settings"]}
    streams = {
        "openai": recipe["client"].chat.completions.create(**asked, stream=True),
        "litellm": recipe["litellm"].completion(**asked | recipe["lite"], stream=True),
        "mistralai": (event.data for event in recipe["mistral"].chat.stream(**asked)),
    }
    found = {name: joined(stream) for name, stream in streams.items()}
    found["azure-ai-inference"] = names["joined"](recipe["azure"].complete(**asked, stream=True))
    calls = [{"name": "languages", "arguments": f'{{"country": "{each}"}}'} for each in ("BE", "LU", "Switzerland")]
    assert found == dict.fromkeys(found, calls)


def test_each_client_forces_a_call_as_the_table_of_json_modes_spells_it(recipe):
    (table,) = (cell.source for cell in MODES.markdown if "| Client |" in cell.source)
    spelled = re.findall(r"^\| \[(.+?)\].* \| `([^`]*tool_choice[^`]*)` \|", table, re.MULTILINE)
    assert [name for name, text in spelled if "allowed_openai_params" in text] == ["LiteLLM"] and len(spelled) == 6
    assert all(re.search('tool_choice"?[=:] ?"required"', text) for _, text in spelled)
    asked = {"messages": [{"role": "user", "content": "Good morning, dear colleague!"}], "tool_choice": "required"}
    asked = recipe["settings"] | asked
    lite, complete = asked | recipe["lite"], recipe["litellm"].completion
    answers = [
        recipe["client"].chat.completions.create(**asked).to_dict(),
        recipe["azure"].complete(**asked).as_dict(),
        recipe["mistral"].chat.complete(**asked).model_dump(),
        complete(**lite, allowed_openai_params=["tool_choice"]).model_dump(),
        recipe["session"].post(recipe["url"], json=asked, timeout=5).json(),
    ]
    assert all(answer["choices"][0]["message"]["tool_calls"] for answer in answers)
    forced = recipe["chat"].bind_tools(recipe["tools"], tool_choice="required")
    assert forced.invoke(asked["messages"]).tool_calls
    with pytest.raises(OpenAIError, match="tool_choice"):
        complete(**lite)
