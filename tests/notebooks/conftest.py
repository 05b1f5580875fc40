"""The programs of the recipe on a million prompts, out of its own cells, and a slow endpoint that counts the calls."""

from __future__ import annotations

import importlib
import sys

import pytest

from batching import FAST, LETTER, LETTERS, ON_RAY, RECIPE, write_letters
from mistral_on_azure import recipe_programs
from mistral_on_azure.endpoint.starting import start


@pytest.fixture
def programs(tmp_path):
    """The files that the recipe's cells write, its program for Ray, and letters whose ids are texts in no order."""
    for name, text in recipe_programs(RECIPE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / ON_RAY.name).write_text(ON_RAY.read_text(encoding="utf-8"), encoding="utf-8")
    ids = [f"letter-{at * 7_919 % 10_007}" for at in range(LETTERS)]
    write_letters(tmp_path, ids, [LETTER.format(500_000 + at) for at in range(LETTERS)])
    return tmp_path


@pytest.fixture
def slow_endpoint():
    """An endpoint of the test's own, which takes a tenth of a second for an answer."""
    with start(timing="first-token=0.1", exchanges=1_000, requests_per_minute=FAST) as started:
        yield started


@pytest.fixture
def new_journal(programs, monkeypatch):
    """Makes a journal in this process, of the class that a cell writes."""
    monkeypatch.syspath_prepend(str(programs))
    monkeypatch.delitem(sys.modules, "journal", raising=False)
    yield lambda *quota: importlib.import_module("journal").Journal(programs / "of-the-test.sqlite", *quota)
    sys.modules.pop("journal", None)


@pytest.fixture
def labelling(programs, monkeypatch):
    """The module that the cells write, in this process."""
    monkeypatch.syspath_prepend(str(programs))
    monkeypatch.delitem(sys.modules, "labelling", raising=False)
    yield importlib.import_module("labelling")
    sys.modules.pop("labelling", None)
