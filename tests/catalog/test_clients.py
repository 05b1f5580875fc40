"""The table of clients: what is wrong in it is told with its line and its key."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from mistral_on_azure.catalog import clients
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.generated import current

FILE = Path(clients.__file__).with_name("clients.toml")
TEXT = FILE.read_text(encoding="utf-8")


def test_every_row_leads_to_something():
    for client in clients.clients().values():
        if client.call:
            module, _, function = client.call.partition(":")
            assert callable(getattr(import_module(module), function))
        assert client.package in client.imports.values() and client.routes


def test_start_here_gives_the_same_reasons():
    start = FILE.parents[3] / "notebooks" / "start-here.ipynb"
    assert current(start, start.parent) == start.read_text(encoding="utf-8"), "run `cookbook tables`"
    text = "\n".join(cell.source for cell in load(start).markdown)
    for client in clients.clients().values():
        assert f"[{client.name}]({client.notebook})" in text and f" | {client.reason} |" in text


@pytest.mark.parametrize(("number", "word"), [(1, "one"), (6, "six"), (7, "seven"), (12, "twelve"), (13, "13")])
def test_they_are_counted_in_words(number, word):
    assert clients.in_words(number) == word


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "LiteLLM"\n', "", ": client 6: object missing required field `name`."),
        ('key = "litellm"\n', "", ": client 6: object missing required field `key`."),
        ('package = "litellm"', "package = 7", ": client 6, package: expected `str`, got `int`."),
        ('package = "litellm"', 'packages = "x"', ": client 6, packages: there is no such key."),
        ('key = "litellm"', 'key = "mistralai"', ": client 6, key: it is the key of another client."),
        ("[[client]]", "[client", " cannot be used: "),
        ("[brought_by]", "[brought]", ": brought: there is no such key."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(tmp_path, monkeypatch, before, after, said):
    file = tmp_path / "clients.toml"
    assert before in TEXT
    file.write_text(TEXT.replace(before, after), encoding="utf-8")
    monkeypatch.setattr(clients, "_FILE", file)
    with pytest.raises(CookbookError) as raised:
        clients._table.__wrapped__()
    assert said in str(raised.value) and "\n" not in str(raised.value)
