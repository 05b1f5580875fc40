"""What a recipe has beside it: a TOML file of the same name, with its prompts, their answers and its packages."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from mistral_on_azure.catalog.clients import Documentation
from mistral_on_azure.errors import CookbookError


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt of a recipe and its scripted answers, the likeliest first."""

    prompt: str
    answers: tuple[str, ...]
    system: str | None = None


class Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a recipe has beside it, in a TOML file of the same name.

    Attributes:
        packages: the pip packages that it needs besides those of the cookbook, each perhaps with a version.
        links: where to read on.
        exchange: its prompts and their answers, as in the local endpoint's script.
    """

    packages: tuple[str, ...] = ()
    links: tuple[Documentation, ...] = ()
    exchange: tuple[Exchange, ...] = ()


def read_sidecar(file: Path) -> Sidecar:
    """The file beside a recipe; empty where there is none.

    Raises:
        CookbookError: one line with what is wrong in it.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Sidecar)
    except FileNotFoundError:
        return Sidecar()
    except (OSError, ValueError) as error:
        raise CookbookError(f"{file} cannot be used: {error}.") from None


def scripted_answers(folder: Path) -> tuple[Exchange, ...]:
    """The prompts and answers of all recipes, for the local endpoint's script.

    Raises:
        CookbookError: when a recipe's TOML file is damaged.
    """
    files = sorted(file for file in (folder / "recipes").rglob("*.toml") if not file.name.startswith("."))
    return tuple(exchange for file in files for exchange in read_sidecar(file).exchange)
