"""The patterns of the recipe "Change the model" find what a move touches, in whatever language it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mistral_on_azure.catalog.models import models
from mistral_on_azure.catalog.notebooks import load

ROOT = Path(__file__).resolve().parents[3]
(SOURCE,) = (
    cell.source
    for cell in load(ROOT / "notebooks/recipes/change-the-model.ipynb").code
    if "PATTERNS = {" in cell.source
)
NAMES: dict = {}
exec(SOURCE, NAMES)


def found(line: str) -> list[str]:
    return [what for what, pattern in NAMES["PATTERNS"].items() if re.search(pattern, line)]


@pytest.mark.parametrize("name", [*models(), *(model.asset for model in models().values())])
def test_every_name_of_the_table_is_found(name):
    assert found(f'    "model": "{name}",') == ["a name of a model"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"max_tokens": 64}', "a limit in tokens"),
        ("options.MaxTokens = 64;", "a limit in tokens"),
        ("maxTokens: 64", "a limit in tokens"),
        ("using Azure.AI.Inference;", "the retired library"),
        ('import ModelClient from "@azure-rest/ai-inference";', "the retired library"),
        ('path("/models/chat/completions")', "the deprecated route"),
        ("if error.status_code == 424:", "a status of managed compute"),
    ],
)
def test_what_a_move_touches_is_found(line, what):
    assert found(line) == [what]


@pytest.mark.parametrize("line", ["pip install mistral-common", "from mistralai import Mistral", "print(max_tokens)"])
def test_what_stays_is_left_alone(line):
    assert found(line) == []
