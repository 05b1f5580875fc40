"""The recipe on traces: its search finds a conversation in any script and spelling, and what may leave is one list."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.endpoint.starting import start
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


ASK_ALL = """import requests
from support_desk import CLIENTS, answer, key, url

local = requests.Session()
local.headers["Authorization"] = f"Bearer {key}"
body = {"model": "mistralai-Mistral-7B-Instruct-v01", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
for fault in ({"reset": "before"}, {"status": 503, "retry_after_ms": 1}):
    for name, stream in [(name, stream) for name in CLIENTS for stream in (False, True)]:
        local.delete(f"{url}/local/session", timeout=30)
        local.post(f"{url}/local/faults", json=[{**fault, "count": 9}], timeout=30).raise_for_status()
        answer(name, body, stream)
        sent = len(local.get(f"{url}/local/exchanges?last=100", timeout=30).json())
        print("requests:", sent, "by", name, "stream" if stream else "whole", *fault)
"""


def test_a_call_through_each_client_is_one_request_whatever_fails(tmp_path):
    pytest.importorskip("opentelemetry.instrumentation.genai", reason="make group NAME=tracing installs it")
    (tmp_path / "support_desk.py").write_text(RECIPE.programs["support_desk.py"], encoding="utf-8")
    with start() as endpoint:
        variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "OTEL_SDK_DISABLED": "true"}
        command = [sys.executable, "-c", ASK_ALL]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    counted = re.findall(r"^requests: (\d+) by (.+)$", done.stdout, re.MULTILINE)
    assert len(counted) == 24 and [who for number, who in counted if number != "1"] == []
