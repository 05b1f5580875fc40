"""A seventh client, added to a copy of the project: its notebook and its row, and everything knows it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROW = """
[[client]]
key = "seventh"
name = "Seventh client"
package = "openai"
routes = ["/v1/chat/completions"]
reason = "you count to seven."
exception = "openai.OpenAIError"
documentation = { title = "Seven", url = "https://example.com/seven" }
imports = { "openai" = "openai" }
"""
REASON = 'reason = "you count to seven."'
HERE = Path(__file__).parent
TESTS = (
    str(HERE / "test_clients.py"),
    f"{HERE.parent / 'upkeep' / 'test_faults_table.py'}::test_the_page_is_made_from_the_measurements",
)
MARK = "# The packages of modules that several clients use."
FRONT = """
from pathlib import Path
from mistral_on_azure.catalog.clients import how_many
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.catalog.notebooks import tasks
from mistral_on_azure.gallery.pages import front_page
from mistral_on_azure.snippets.starter import starters
folder = Path("notebooks")
print(how_many(), front_page(notebooks(folder), tasks(folder), starters(folder), []))
"""
MEASURED = """
from mistral_on_azure.gallery.measured_pages import _failing_rows, what_went_wrong_page
from mistral_on_azure.notebook.kept_measurements import kept
print("Seventh client" in what_went_wrong_page(), *(row[-1] for row in _failing_rows(kept("faults"))))
"""


@pytest.fixture(scope="module")
def seven(copy):
    table = copy.root / "helpers/mistral_on_azure/catalog/clients.toml"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace(MARK, ROW.strip() + "\n\n" + MARK), encoding="utf-8")
    notebook = (copy.root / "notebooks/openai-sdk.ipynb").read_text(encoding="utf-8")
    (copy.root / "notebooks/seventh.ipynb").write_text(notebook, encoding="utf-8")
    return copy


def test_it_runs(seven):
    printed = seven.cookbook("run", "--client", "seventh")
    assert "Seventh client" in printed and "1 of 1 passed" in printed
    (job,) = json.loads((seven.root / "build/run/results.json").read_text(encoding="utf-8"))["jobs"]
    assert (job["notebook"], job["client"]) == ("seventh", "Seventh client")


def test_it_has_programs(seven):
    program = seven.cookbook("snippet", "stream-the-answer", "seventh")
    assert "stream=True" in program and "pip install openai" in program


def test_the_table_of_tasks_has_its_column(seven):
    seven.cookbook("tables")
    page = (seven.root / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert "| LiteLLM | Seventh client |" in page
    assert "[Seventh client](seventh.ipynb#Call-tools)" in page


@pytest.mark.parametrize("call", ["", 'call = "mistral_on_azure.upkeep.faults.calls:openai_sdk"'])
def test_the_tests_of_the_table_and_of_the_page_of_faults_pass(seven, call):
    """Nothing is written by hand after its row and its notebook; it joins the page of faults when it is measured."""
    seven.cookbook("tables")
    table = seven.root / "helpers/mistral_on_azure/catalog/clients.toml"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace(REASON, f"{REASON}\n{call}"), encoding="utf-8")
    try:
        seven.python("-m", "pytest", "--noconftest", "-n0", "-p", "no:cacheprovider", "-c", os.devnull, *TESTS)
    finally:
        table.write_text(text, encoding="utf-8")


def test_the_pages_of_what_was_measured_claim_nothing_about_it(seven):
    claimed, named, *cells = seven.python("-c", MEASURED).replace("Seventh client", "named").split()
    assert (claimed, named) == ("False", "named") and len(cells) > 4 and {*cells} == {"–"}


@pytest.mark.all
def test_the_gallerys_front_has_it_and_counts_it(seven):
    count, _, page = seven.python("-c", FRONT).partition(" ")
    assert count == "seven" and "Seven ways to call" in page
    assert "Seventh client" in page and "you count to seven." in page and "https://example.com/seven" in page
