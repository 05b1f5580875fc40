"""A recipe's TOML file, which lies beside its notebook: what it is about, its prompts and their answers, and more."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from mistral_on_azure.catalog.clients import Documentation
from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.catalog.toml_files import read_toml

# The groups of the cookbook's recipes, in the order of lists.
Group = Literal["Before you pay", "Make it hold", "Data, documents, tools", "Test and watch", "Choose and move"]
GROUPS: tuple[Group, ...] = get_args(Group)


class Mistake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wrong answer to a recipe's exercise, which the tests give to its check.

    Attributes:
        code: what a reader might write.
        says: words of what the check prints about it.
    """

    code: str
    says: str


class Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a recipe's TOML file.

    Attributes:
        about: what a reader learns, in one sentence of Markdown, for lists of recipes.
        group: the group in which lists have the recipe, one of `GROUPS`; without one, it comes last.
        packages: pip packages that the recipe needs besides the cookbook's, with or without a version.
        links: pages for further reading.
        exchange: the recipe's prompts and the local endpoint's answers to them.
        mistake: wrong answers to the recipe's exercise.
    """

    about: str = ""
    group: Group | None = None
    packages: tuple[str, ...] = ()
    links: tuple[Documentation, ...] = ()
    exchange: tuple[Exchange, ...] = ()
    mistake: tuple[Mistake, ...] = ()


def read_sidecar(file: Path) -> Sidecar:
    """Read a recipe's TOML file. Where there is none, the result is empty.

    Raises:
        CookbookError: one line that names the error in the file.
    """
    try:
        return read_toml(file, Sidecar)
    except FileNotFoundError:
        return Sidecar()


def scripts(folder: Path) -> tuple[Path, ...]:
    """The TOML files of all recipes."""
    return tuple(sorted(file for file in (folder / "recipes").rglob("*.toml") if not file.name.startswith(".")))
