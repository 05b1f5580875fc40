"""The pages: their tables are current, their links lead somewhere, their commands exist, and the README is short."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.models import models
from mistral_on_azure.catalog.notebooks import Kind, anchor, notebooks, tasks
from mistral_on_azure.catalog.selection import grouped
from mistral_on_azure.catalog.sidecar import GROUPS, read_sidecar
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep import answer_arriving
from mistral_on_azure.upkeep.generated import ROOM, allowed, current, model_list, pages, recipe_list

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    *(page for page in pages(ROOT) if page.suffix == ".md"),  # notebooks have a rule for their links
    ROOT / "CONTRIBUTING.md",
    ROOT / "notebooks" / "coming-from-microsoft.md",
    ROOT / "helpers" / "mistral_on_azure" / "running" / "README.md",
)
MOST = 6_000  # bytes of the README, which is read on one screen


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: f"{page.parent.name}/{page.name}")
def test_the_tables_are_current(page):
    assert current(page, ROOT / "notebooks") == page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 to 1"),
        ({"type": "number", "minimum": -2, "maximum": 2}, "a number from -2 to 2"),
        ({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "a whole number from 1"),
        ({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, "a whole number"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "a text or a list"),
    ],
)
def test_the_values_of_a_parameter_in_words(schema, words):
    assert allowed(schema) == words


def test_the_readme_has_the_two_commands():
    commands = {line.partition("  ")[0] for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()}
    assert {"make run", "make test"} <= commands


def test_the_readme_is_short_whatever_recipes_are_added():
    page = (ROOT / "README.md").read_bytes()
    assert len(page) - len(recipe_list(ROOT / "notebooks").encode()) + ROOM < MOST


def test_the_readmes_list_of_recipes_keeps_to_its_length(tmp_path):
    """Groups end in links to the rest, the longest groups first, and all of them are counted."""
    (tmp_path / "recipes").mkdir()
    for number in range(40):
        group = GROUPS[number % 7] if number % 7 < len(GROUPS) else ""
        (tmp_path / "recipes" / f"r{number:02}.ipynb").write_text('{"cells": [], "metadata": {}}', encoding="utf-8")
        (tmp_path / "recipes" / f"r{number:02}.toml").write_text(f'group = "{group}"' * bool(group), encoding="utf-8")
    shown = recipe_list(tmp_path)
    rest = [int(number) for number in re.findall(r"\[(\d+) more\]\(notebooks/README\.md#[a-z-]+\)", shown)]
    assert len(shown.encode()) <= ROOM and sum(rest) + shown.count(".ipynb)") == 40 and max(rest) - min(rest) < 6
    assert "*Data, documents, tools*:\n[" in shown and "(notebooks/README.md#data-documents-tools)" in shown
    assert recipe_list(tmp_path, 10_000).count(".ipynb)") == 40
    assert recipe_list(tmp_path, 0).count(".ipynb)") == 0  # shorter than the names of the groups it cannot be


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)|src=\"([^\"]+)", text):
        name = target[0] or target[1]
        assert name.startswith("https://") or (page.parent / name).exists(), name


@pytest.mark.parametrize("page", ["README.md", "notebooks/coming-from-microsoft.md"])
def test_the_program_on_a_page_is_answered(page):
    """The code that readers copy first, run as it stands."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
    with start() as local:
        variables = {**os.environ, ENDPOINT: local.url, CREDENTIAL: local.keys[0]}
        done = subprocess.run(
            [sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=60
        )
    assert done.stdout.startswith("As of now, it's estimated"), done.stderr


def test_each_recipe_says_in_one_sentence_what_it_is_about():
    page = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    for name, recipe in notebooks(ROOT / "notebooks", Kind.RECIPE).items():
        about = recipe.sidecar.about
        assert about.endswith(".") and 40 < len(about) < 120 and f"| {about}<details>" in page, name


def test_the_first_two_models_that_are_sold_are_those_that_their_maker_still_has():
    """As the README says of the list."""
    current = [row.maker[0].value == "current" for row in models().values() if row.group == "sold today"]
    assert current == [True, True, *[False] * (len(current) - 2)]
    assert "`mistral-medium-3-5`, " in model_list(ROOT) and "Use " not in model_list(ROOT)


def test_both_pages_list_each_recipe_under_its_group():
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "notebooks/README.md"))
    groups = grouped(notebooks(ROOT / "notebooks", Kind.RECIPE).values())
    assert [name for name in groups if name != "More"] == [*GROUPS]
    for name, recipes in groups.items():
        listed, table = (text.partition(head)[2] for text, head in ((readme, f"*{name}*:\n"), (page, f"### {name}\n")))
        listed, table = listed.partition("\n\n")[0], table.partition("\n###")[0]
        assert all(f"({recipe.id}.ipynb) |" in table for recipe in recipes)
        assert "more](notebooks/README.md#" in listed or all(f"/{recipe.id}.ipynb)" in listed for recipe in recipes)


def test_a_recipe_without_a_group_comes_last_and_an_unknown_group_is_told(tmp_path):
    cells = '{"cells": [], "metadata": {}}'
    for name, group in (("a", ""), ("b", 'group = "Make it hold"')):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / f"{name}.ipynb").write_text(cells, encoding="utf-8")
        (tmp_path / "recipes" / f"{name}.toml").write_text(group, encoding="utf-8")
    found = notebooks(tmp_path, Kind.RECIPE)
    shown = {group: [each.id for each in some] for group, some in grouped(found.values()).items()}
    assert [*shown.items()] == [("Make it hold", ["recipes/b"]), ("More", ["recipes/a"])]
    (tmp_path / "recipes" / "c.toml").write_text('group = "Hold it"', encoding="utf-8")
    with pytest.raises(CookbookError, match=r"c\.toml"):
        read_sidecar(tmp_path / "recipes" / "c.toml")


def test_each_task_links_to_its_section():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for task in tasks(ROOT / "notebooks"):
        assert f"[{task}](notebooks/openai-sdk.ipynb#{anchor(task)})" in readme
    assert "(notebooks/README.md)" in readme


def test_the_file_of_a_recipe_that_contributing_shows_can_be_read(tmp_path):
    (shown,) = re.findall(r"```toml\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    (file := tmp_path / "mars.toml").write_text(textwrap.dedent(shown), encoding="utf-8")
    read = read_sidecar(file)
    assert read.group in GROUPS and 40 < len(read.about) < 120
    assert read.exchange[0].answers and read.mistake[0].says


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_make_targets_on_the_pages_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M)) <= targets


def test_the_picture_is_what_the_local_endpoint_answers():
    assert answer_arriving.FILE.read_text(encoding="utf-8") == answer_arriving.picture(*answer_arriving.ask())
