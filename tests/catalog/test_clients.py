"""The table of clients: what is wrong in it is told with its row and its key."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from mistral_on_azure.catalog import clients
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.errors import CookbookError

FILE = Path(clients.__file__).with_name("clients.toml")
TEXT = FILE.read_text(encoding="utf-8")


def test_every_row_leads_to_something():
    for client in clients.clients().values():
        module, _, function = client.call.partition(":")
        assert callable(getattr(import_module(module), function))
        assert client.package in client.imports.values() and client.routes


def test_start_here_gives_the_same_reasons(root):
    text = "\n".join(cell.source for cell in load(root / "notebooks/start-here.ipynb").markdown)
    rows = re.findall(r"^\| \[([^\]]+)\]\(([\w-]+)\.ipynb\) \| [^|]+ \| ([^|]+?) \|$", text, re.MULTILINE)
    assert {key: (name, reason) for name, key, reason in rows} == {
        key: (client.name, client.reason) for key, client in clients.clients().items()
    }


def test_they_are_counted_in_words():
    assert clients.how_many() == "six" == clients._IN_WORDS[len(clients.clients())]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "LiteLLM"\n', "", "clients.toml, client litellm: there is no `name`."),
        ('key = "litellm"\n', "", "clients.toml, client 6: there is no `key`."),
        ('package = "litellm"', "package = 7", "clients.toml, client litellm: Expected `str`, got `int` (`package`)."),
        ('package = "litellm"', 'packages = "x"', "clients.toml, client litellm: "),
        ('key = "litellm"', 'key = "mistralai"', "clients.toml, client mistralai: the key is there twice."),
        ("[[client]]", "[client", "clients.toml cannot be read: "),
        ("[brought_by]", "[brought]", "clients.toml: "),
    ],
)
def test_a_mistake_is_told_with_its_row_and_key(tmp_path, before, after, said):
    file = tmp_path / "clients.toml"
    assert before in TEXT
    file.write_text(TEXT.replace(before, after), encoding="utf-8")
    with pytest.raises(CookbookError) as raised:
        clients.read(file)
    assert str(raised.value).startswith(said) and "\n" not in str(raised.value)
