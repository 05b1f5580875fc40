"""What each kind of deployment refuses in the notebooks is what the table says, no more and no less."""

from __future__ import annotations

import pytest
from refusals import FOLDER, expected, observed, table

from mistral_on_azure.azure.deployments import deployments, sold_deployments
from mistral_on_azure.catalog.notebooks import Kind, notebooks
from mistral_on_azure.running.jobs import lacking

ALL = notebooks(FOLDER)
NAMES = [name for name, notebook in ALL.items() if notebook.kind in (Kind.GUIDE, Kind.CLIENT)]
CLASSES = "recipes/which-langchain-class"
RECIPES = {  # about what is refused
    "serverless": [CLASSES],
    "managed": [CLASSES],
    "foundry": [CLASSES, "recipes/call-tools-in-a-loop", "recipes/json-you-can-trust"],
}
LANGUAGES = [name for name, notebook in ALL.items() if notebook.kind is Kind.OTHER_LANGUAGE]
FIRST, *_, LAST = deployments()
# Of the models that are sold: one with tools and JSON mode, one with JSON mode alone, one with neither.
SOLD = ["Mistral-Large-3", "mistral-medium-2505", "Codestral-2501"]
KINDS = {"serverless": list(deployments()), "managed": list(deployments()), "foundry": SOLD}
SOON = {
    ("managed", "openai-sdk", FIRST),
    ("managed", "openai-sdk", LAST),
    ("managed", "start-here", FIRST),
    ("foundry", "openai-sdk", SOLD[-1]),
    ("foundry", "webrequests", SOLD[0]),
}
# Answers take a moment, so that requests made at the same time are under way at the same time.
OPTIONS = {"managed": {"concurrent": 1, "timing": "first_token=0.05;tokens_per_second=5000"}}
RUNS = [
    pytest.param(kind, name, deployment, marks=() if (kind, name, deployment) in SOON else pytest.mark.all)
    for kind in KINDS
    for name in [*NAMES, *RECIPES.get(kind, [])]
    for deployment in KINDS[kind]
] + [
    pytest.param(kind, name, deployment, marks=pytest.mark.all)
    for kind, deployment in (("managed", FIRST), ("foundry", SOLD[0]))  # the one that refuses most, and the first
    for name in LANGUAGES
]


@pytest.mark.parametrize(("kind", "name", "deployment"), RUNS)
def test_what_is_refused_is_what_the_table_says(kind, name, deployment):
    if why := lacking(ALL[name], may_install=True):
        pytest.skip(f"{name}: {why}")
    assert observed(kind, name, deployment, **OPTIONS.get(kind, {})) == expected(kind, name, deployment)


def test_the_table_names_what_there_is():
    assert sorted(table()["deployments"].values()) == sorted([*deployments(), *SOLD])
    for kind in KINDS:
        for name, cells in table()[kind].items():
            code = {cell.id for cell in ALL[name].code}
            assert set(cells) <= code, f"{kind}.{name} has no cell {sorted(set(cells) - code)}"
            for row in cells.values():
                assert not isinstance(row, dict) or set(row) <= set(table()["deployments"])


def test_the_models_that_are_sold_differ_in_what_they_take():
    takes = {name: (each.tools, each.json) for name, each in sold_deployments().items()}
    assert sorted(map(takes.get, SOLD)) == sorted(set(takes.values()))


def test_no_notebook_is_refused_a_request_for_being_one_of_many():
    """The asynchronous cells keep to two requests at a time, which is what managed compute takes."""
    said = str([table()[kind] for kind in KINDS])
    assert "429" not in said and "408" not in said
