"""The recipe on tools: its loop and its checks, what a refusal becomes in each client, and a stream's calls joined."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
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
    "Azure SDK": AzureError,
    "MistralAI": MistralError,
    "LiteLLM": OpenAIError,
    "Requests": requests.HTTPError,
    "LangChain": HTTPStatusError,
}


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, Any]]:
    """What the program of the section defines, with the recipe's script as the model."""
    with local_endpoint("serverless", MODEL) as there, pytest.MonkeyPatch.context() as patch:
        for name, value in there.items():
            patch.setenv(name, value)
        names: dict[str, Any] = {}
        for section in "Use the client that you have", "Go on where tools are refused", "Ask a person first":
            code = composed(NOTEBOOKS, section, "recipes/call-tools-in-a-loop")
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


def calling(*calls: tuple[str, str]) -> dict[str, Any]:
    """A model's message with calls."""
    functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
    made = [{"id": str(place), "function": each} for place, each in enumerate(functions)]
    return {"role": "assistant", "content": "", "tool_calls": made}


PUBLISH = ("publish", '{"language": "German", "countries": ["CH"]}')


@pytest.mark.parametrize(("rounds", "runs"), [(1, 0), (2, 1)])
def test_no_call_runs_in_the_last_round(recipe, rounds, runs):
    ran, asked = [], iter([calling(PUBLISH), calling(("languages", '{"country": "FI"}'))])
    found = recipe["converse"](lambda _: (next(asked), {}, "tool_calls"), "?", rounds, lambda **call: ran.append(call))
    assert len(ran) == runs and found[-1] == f"no answer after {rounds} rounds"


def test_a_call_with_other_spaces_is_a_repetition(recipe):
    """A real model wrote the same call in four ways, one after the other."""
    texts = ('{"country": "FI"}', '{\n  "country" : "FI"\n}')
    asked = iter([calling(("languages", text)) for text in texts])
    found = recipe["converse"](lambda _: (next(asked), {}, "tool_calls"), "?")
    assert found[-1] == "stopped at a repetition"


def test_the_kept_transcripts_are_of_a_real_model_and_the_text_quotes_them():
    kept = json.loads((NOTEBOOKS / "recipes" / "calls-measured.json").read_text(encoding="utf-8"))
    assert kept["model"] == "SmolLM2-135M-Instruct"
    rows = {way: [row for row in kept["rows"] if row["way"] == way] for way in ("offered", "required", "prompted")}
    questions = [row["question"] for row in rows["offered"]]
    assert questions[0] == RECIPE.parameters["question"].default and len(set(questions)) == 10
    assert [text for text in questions if not text.endswith("?")] == ["Good morning, dear colleague!"]
    assert all([row["question"] for row in some] == questions for some in rows.values())
    assert not any(message.get("tool_calls") for row in rows["offered"] for message in row["messages"])
    assert {row["end"] for row in rows["required"]} == {"stopped at a repetition"}
    words = " ".join(" ".join(cell.source for cell in RECIPE.markdown).split())
    (quoted,) = re.findall('made up most answers: "(.+?)"', words)
    assert any(quoted in message["content"] for row in rows["offered"] for message in row["messages"])


def test_the_kept_outputs_end_with_the_answer_and_agree_with_and_without_tools():
    """A script whose last answer no longer matched once left the results themselves as the answer."""
    printed = {
        cell.id: "".join(text) for cell in RECIPE.code for text in (each.get("text", "") for each in cell.outputs)
    }
    last = [line for line in printed["go-round-and-come-to-an-end-2"].splitlines() if line.startswith("assistant: ")]
    assert last and re.fullmatch("assistant: German: 1850 of your customers in .+", last[-1])
    assert printed["use-the-client-that-you-have-5"].count("≠") == 1
    everywhere = printed["run-it-everywhere-and-check-the-answer-1"]
    assert everywhere.count("same messages as with tools: True") == 2 and "False" not in everywhere
    assert not [name for name, text in printed.items() if "returned: " in text]


@pytest.mark.parametrize("arguments", ['{"language": "German"', '{"language": "Germn", "countries": ["CH"]}', "{}"])
def test_a_person_is_not_asked_about_a_call_with_a_mistake(recipe, arguments):
    asked = []
    result = recipe["run_with_consent"]("publish", arguments, lambda *call: asked.append(call))
    assert "error" in json.loads(result) and not asked and not recipe["published"]


def test_what_a_person_refuses_does_not_run_and_what_is_allowed_does(recipe):
    recipe["published"].clear()
    for said, published in (False, []), (True, ["German"]):
        recipe["run_with_consent"](*PUBLISH, lambda *_, said=said: said)
        assert recipe["published"] == published
    recipe["published"].clear()


class Saying:
    """A model that says these texts, one after the other, and keeps what it was sent."""

    def __init__(self, *texts: str) -> None:
        self.left, self.sent = list(texts), []
        self.chat = SimpleNamespace(completions=self)

    def create(self, messages: list[dict], **_: Any) -> SimpleNamespace:
        self.sent.append(messages)
        choice = SimpleNamespace(message=SimpleNamespace(content=self.left.pop(0)), finish_reason="stop")
        return SimpleNamespace(choices=[choice], usage=SimpleNamespace(to_dict=dict))


def prompted(recipe, *texts: str) -> tuple[Saying, list[dict], str]:
    model = Saying(*texts)
    messages, _, end = recipe["converse"](partial(recipe["prompted"], client=model), "?")
    return model, messages, end


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('{"calls": [{"name": "languages"', "Invalid JSON"),
        ("{}", "neither calls nor an answer"),
        ("", "Invalid JSON"),
        ('```json\n{"answer": "Two."}\n```', "Invalid JSON"),
        ('{"call": []}', "Extra inputs"),
        ('{"answer": 2}', "valid string"),
    ],
)
def test_a_broken_form_goes_back_with_what_is_wrong(recipe, broken, said):
    model, messages, end = prompted(recipe, broken, '{"answer": "Two."}')
    assert said in model.sent[1][-1]["content"] and model.sent[1][-1]["role"] == "user"
    assert end == "answered" and messages[-1]["content"] == "Two."


def test_words_without_the_form_are_an_answer(recipe):
    assert prompted(recipe, "Two of them.")[1:] == (
        [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "Two of them.", "tool_calls": []},
        ],
        "answered",
    )


def test_the_same_broken_form_again_ends_the_loop(recipe):
    assert prompted(recipe, "{", "{")[-1] == "stopped at a repetition"


def test_a_result_goes_back_with_its_call(recipe):
    calls = '{"calls": [{"name": "languages", "arguments": {"country": "XX"}}, {"name": "delete"}]}'
    model, *_ = prompted(recipe, calls, "Two.")
    first, second = model.sent[1][-1]["content"].splitlines()
    assert first.startswith('languages {"country": "XX"}: {"error"') and second.startswith('delete null: {"error"')


def test_the_ending_names_the_figures_of_the_tables(recipe):
    customers = sum(recipe["customers"][country] for country in ("BE", "CH", "LU"))
    german, french = (recipe["reach"](language, ["BE", "CH", "LU"])["customers"] for language in ("German", "French"))
    words = " ".join(RECIPE.markdown[-1].source.split())
    assert f"{german:,} of {customers:,}, or {german / customers:.0%}".replace("%", " %") in words
    assert f"French reaches {french:,}." in words
