"""Which Mistral model now: the dated table of models.toml, what it says of a name, and how old each row is."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from mistral_on_azure.errors import CookbookError

FRESH = timedelta(days=90)  # a row that was not looked at for longer says so
KINDS = ("serverless", "managed", "foundry")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a source says.

    Attributes:
        value: what it says.
        source: the source's name, as a reader would look for it.
        seen: the day of the source.
    """

    value: str
    source: str
    seen: date

    def __str__(self) -> str:
        return f"{self.value} ({self.source}, {self.seen})"


Facts = tuple[Fact, ...]  # empty where no source says anything; several where they disagree


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the table.

    Attributes:
        name: the deployment's name in the cookbook, or the model's on Azure.
        asset: the name in Azure's catalog.
        group: "open", "sold today" or "retired".
        checked: the day on which the row was last compared with its sources.
        sizes: VM sizes on managed compute, or that it is sold per token.
        azure: the stage of its life on Azure; `maker` is the one at Mistral AI's own API.
        tokenizer_here: whether mistral-common brings the tokenizer's data, so that counts are exact.
    """

    name: str
    asset: str
    group: str
    checked: date
    version: Facts = ()
    serverless: Facts = ()
    managed: Facts = ()
    foundry: Facts = ()
    sizes: Facts = ()
    gpus: Facts = ()
    context: Facts = ()
    tokenizer: Facts = ()
    tools: Facts = ()
    json: Facts = ()
    licence: Facts = ()
    azure: Facts = ()
    maker: Facts = ()
    successor: Facts = ()
    tokenizer_here: bool = False
    note: str = ""

    def stale(self, today: date | None = None) -> bool:
        """Whether the row was not looked at for 90 days."""
        return (today or date.today()) - self.checked > FRESH

    def facts(self) -> dict[str, Facts]:
        """All facts by name, those without a source left out."""
        return {
            each.name: value for each in fields(self) if isinstance(value := getattr(self, each.name), tuple) and value
        }


@cache
def models() -> dict[str, Model]:
    """Every model by name.

    Raises:
        CookbookError: when the table cannot be read; it names the row and the key.
    """
    path = Path(__file__).with_name("models.toml")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CookbookError(f"{path.name} cannot be read: {error}.") from None
    return {row["name"]: _model(row, table["sources"]) for row in table["model"]}


def as_of() -> date:
    """The day of the row that was looked at longest ago."""
    return min(model.checked for model in models().values())


def find(name: str) -> Model:
    """The model that is meant by a name, as the cookbook or as Azure's catalog writes it.

    Raises:
        CookbookError: for an unknown name, with its neighbour.
    """
    for model in models().values():
        if name.lower() in (model.name.lower(), model.asset.lower()):
            return model
    names = [each for model in models().values() for each in (model.name, model.asset)]
    close = get_close_matches(name, names, 1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}?" if close else "`cookbook models` lists those that are known."
    raise CookbookError(f"There is no model {name!r} in the table. {hint}")


def advice(model: Model) -> str:
    """When a model was retired and what replaces it, in one line; empty for one that is current."""
    said = [fact.value for fact in model.azure if fact.value.startswith("retired ")]
    if model.group != "retired" and not said:
        return ""
    when = said[0].removeprefix("retired ") if said else "a day that no source names"
    instead = f" Use {model.successor[0].value}." if model.successor else ""
    return f"{model.name} was retired on {when}.{instead}"


def as_json() -> list[dict[str, Any]]:
    """The table for programs: each fact with its source and date."""
    rows = []
    for model in models().values():
        row = {"name": model.name, "asset": model.asset, "group": model.group, "checked": str(model.checked)}
        row |= {"stale": model.stale(), "tokenizer_here": model.tokenizer_here, "note": model.note}
        for name, facts in model.facts().items():
            row[name] = [{"value": each.value, "source": each.source, "seen": str(each.seen)} for each in facts]
        rows.append(row)
    return rows


def _model(row: dict[str, Any], sources: dict[str, Any]) -> Model:
    values = {
        name: _facts(row["name"], name, value, sources) if isinstance(value, list) else value
        for name, value in row.items()
    }
    try:
        return Model(**values)
    except TypeError as error:
        raise CookbookError(f"models.toml, row {row['name']}: {error}.") from None


def _facts(row: str, key: str, pairs: list[list[str]], sources: dict[str, Any]) -> Facts:
    try:
        return tuple(Fact(value, sources[source]["name"], sources[source]["date"]) for value, source in pairs)
    except (KeyError, ValueError, TypeError):
        raise CookbookError(f"models.toml, row {row}, {key}: each fact is [value, name of a source].") from None
