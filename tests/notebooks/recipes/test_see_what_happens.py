"""The recipe on traces: its search finds a conversation in any script and spelling, and what may leave is one list."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.snippets.starter import starter

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
RECIPE = load(FOLDER / "recipes" / "see-what-happens.ipynb")
TEXTS = {
    "English": "My parcel 48213 never came. I live at 7 Rue des Lilas. What now?",
    "French": "Où est mon colis ? J'habite « chez Éloïse ».\nMerci d'avance !",
    "Chinese": "我的包裹一直没有到，我住在丁香街七号，请问现在该怎么办？",
    "short": "我的包裹没到",
}


def _nested(text: str, *escaped: bool) -> str:
    """A text within JSON within JSON, with or without escapes of what is not ASCII."""
    for ascii_only in escaped:
        text = json.dumps({"content": text}, ensure_ascii=ascii_only)
    return text


@pytest.fixture(scope="module")
def search() -> dict[str, Any]:
    """The names that the search's cell defines."""
    (source,) = (cell.source for cell in RECIPE.code if cell.id == "pieces")
    names: dict[str, Any] = {}
    exec(source.partition("\n")[2], names)  # without %%writefile
    return names


@pytest.mark.parametrize("escaped", [(), (True,), (False,), (True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("language", TEXTS)
def test_a_text_is_found_in_each_spelling(search, language, escaped):
    text = TEXTS[language]
    body = _nested(text, *escaped).encode()
    missed = [piece for piece in search["pieces"](text) if not search["holds"](body, piece)]
    assert all(" " in piece and piece not in text for piece in missed)  # three words with a new line between them
    assert len(missed) < len(search["pieces"](text)) / 2


@pytest.mark.parametrize("language", ["French", "Chinese"])
def test_a_part_of_a_text_is_found(search, language):
    part = _nested(TEXTS[language][5:20], False, True).encode()
    assert any(search["holds"](part, piece) for piece in search["pieces"](TEXTS[language]))


def test_what_stands_in_any_body_is_not_looked_for(search):
    pieces = search["pieces"]("Yes", "", "No", "   \n  ", "5")
    assert not pieces
    assert not any(search["holds"](b"gen_ai.response.model", piece) for piece in search["pieces"](*TEXTS.values()))


def test_names_are_those_of_the_prompt_and_numbers_those_of_all(search):
    found = search["pieces"]("Élodie, 4 of us", "Nimmermehr 48213")
    assert {"Élodie", "48213"} <= found and "Nimmermehr" not in found


def test_a_librarys_word_leaves_only_if_it_is_listed():
    names: dict[str, Any] = {}
    exec(RECIPE.programs["one_schema.py"].partition("\nfrom opentelemetry")[0], names)
    told = {"gen_ai.request.model": "azure_ai/m", "gen_ai.system": "az.ai.inference", "gen_ai.input.messages": "My"}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure.ai.inference"}
    assert names["one_schema"](told) == {**chat, "gen_ai.request.model": "m"}
    assert names["one_schema"]({"app.stream": True, "app.name": "x"}) == {"app.stream": True}


@pytest.mark.parametrize("section", ["Ask through six clients", "Bring them into one schema"])
def test_a_program_installs_the_plugins_that_it_uses_without_naming_them(section):
    program = starter(FOLDER, section, "recipes/see-what-happens")
    (installed,) = re.findall(r"^# Install: pip install (.+)$", program, re.MULTILINE)
    names = {re.split("[>=]", word)[0] for word in shlex.split(installed)}
    assert len({name.partition("[")[0] for name in names}) == len(shlex.split(installed)), "a package is named twice"
    assert "azure-core-tracing-opentelemetry" in names  # the Azure SDK writes no span without it
    assert names & {"langchain", "opentelemetry-instrumentation-genai-langchain[instruments]"}  # imports langchain_core
