"""The dated table of Mistral's models on Azure, models.toml: rows, facts with their sources, and similar names.

A fact is a list, since sources may disagree; then the list has what each of them says. `models_command` prints the
table.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS
from mistral_on_azure.catalog.toml_files import WrongValue, read_toml
from mistral_on_azure.errors import CookbookError

FRESH = timedelta(days=90)  # a row that was not checked for longer is marked as old
OLD = f"not checked for {FRESH.days} days"
KINDS = tuple(DEPLOYMENT_KINDS)
_WORD = re.compile(r"[a-z]+|\d\w*")  # of a model's name
_PATH = Path(__file__).with_name("models.toml")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source's name, as a reader would look for it, and its date."""

    name: str
    seen: date = msgspec.field(name="date")


class Fact(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One fact with its source.

    Attributes:
        value: the fact.
        key: the source, by its name in `[sources]`.
    """

    value: str
    key: str

    def __str__(self) -> str:
        return f"{self.value} ({self.source}, {self.seen})"

    @property
    def source(self) -> str:
        """The source's name."""
        return _table().sources[self.key].name

    @property
    def seen(self) -> date:
        """The source's date."""
        return _table().sources[self.key].seen

    @property
    def day(self) -> date | None:
        """The date in the value; None without one."""
        found = _DATE.search(self.value)
        return date.fromisoformat(found[0]) if found else None


Facts = tuple[Fact, ...]  # empty where no source says anything; several where they disagree


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table, for a model or a part."""

    name: str
    checked: date

    def stale(self, today: date | None = None) -> bool:
        """Whether the row was last checked more than 90 days ago."""
        return (today or date.today()) - self.checked > FRESH

    def facts(self) -> dict[str, Facts]:
        """All facts by name, without those that have no source."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if isinstance(value, tuple) and value}


class Model(_Row, frozen=True):
    """One model.

    Attributes:
        name: the deployment's name in the cookbook, or the model's on Azure.
        asset: the name in Azure's catalog.
        checked: the day on which the row was last compared with its sources.
        released: the day on which Mistral AI published the model.
        sizes: VM sizes on managed compute, or that it is sold per token; `gpus` is the least number of GPUs that it
            needs, `needs` the least cores, GPUs, memory and disk.
        azure: its life-cycle stage on Azure; `maker` is that at Mistral AI's own API.
        tokenizer_here: whether mistral-common brings the tokenizer's data, so that counts are exact.
    """

    asset: str
    group: Literal["open", "sold today", "retired"]
    released: Facts = ()
    version: Facts = ()
    serverless: Facts = ()
    managed: Facts = ()
    foundry: Facts = ()
    sizes: Facts = ()
    gpus: Facts = ()
    needs: Facts = ()
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

    @property
    def retired(self) -> date | None:
        """The day of its retirement on Azure, None for one that was not retired there."""
        return self.azure[0].day if self.azure and self.azure[0].value.startswith("retired ") else None


class Part(_Row, frozen=True):
    """An API, a client library or a VM size: since when it is available, and when it ends.

    Attributes:
        since: its first day; empty where it was not looked up.
        ends: the day on which its maker retires it; several days where sources disagree.
    """

    since: Facts = ()
    ends: Facts = ()
    note: str = ""


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A VM size.

    Attributes:
        cores: virtual CPUs, which quota is counted in.
        gpu_memory: of each GPU, in GB.
        memory: of the machine, in GB.
        family: the quota family.
        sources: where these figures are from, by their names in `[sources]`.
    """

    name: str
    cores: int
    gpus: int
    gpu_memory: int
    memory: int
    family: str
    sources: tuple[str, ...]

    @property
    def all_gpu_memory(self) -> int:
        """The memory of all its GPUs together, in GB."""
        return self.gpus * self.gpu_memory


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of models.toml."""

    sources: dict[str, Source]
    model: Annotated[tuple[Model, ...], msgspec.Meta(min_length=1)]
    part: tuple[Part, ...] = ()
    size: tuple[Size, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("model", "part"):
            for place, row in enumerate(getattr(self, kind)):
                for name, facts in row.facts().items():
                    if unknown := [fact.key for fact in facts if fact.key not in self.sources]:
                        raise WrongValue(f"there is no source {unknown[0]}", kind, place, name)


@cache
def _table() -> Table:
    return read_toml(_PATH, Table)


@cache
def models() -> dict[str, Model]:
    """Every model by name.

    Raises:
        CookbookError: when the table cannot be read; it names the line and the key.
    """
    return {row.name: row for row in _table().model}


@cache
def parts() -> dict[str, Part]:
    """APIs, libraries and sizes whose time is limited, by name. Raises what `models` does."""
    return {row.name: row for row in _table().part}


@cache
def sizes() -> dict[str, Size]:
    """The VM sizes that the open models are deployed to, by name. Raises what `models` does."""
    return {row.name: row for row in _table().size}


def as_of() -> date:
    """The oldest day on which a row was checked."""
    return min(row.checked for row in (*models().values(), *parts().values()))


def stale_names(today: date | None = None) -> list[str]:
    """The names of the rows that were not checked for 90 days."""
    return [row.name for row in (*models().values(), *parts().values()) if row.stale(today)]


def known(name: str) -> Model | None:
    """The model with this name, in the spelling of the cookbook or of Azure's catalog; None for an unknown one."""
    lower = name.lower()
    return next((each for each in models().values() if lower in (each.name.lower(), each.asset.lower())), None)


def neighbour(name: str) -> str:
    """The known name that is most similar to an unknown one; empty when none is.

    A name with all words of the unknown one comes first, since people type a part, such as `mixtral` or `mistral-7b`.
    """
    names = {each.lower(): model.name for model in models().values() for each in (model.name, model.asset)}
    written = {word for each in names for word in _WORD.findall(each)}
    words = [(get_close_matches(word, written, 1, cutoff=0.75) or [word])[0] for word in _WORD.findall(name.lower())]
    having = [each for each in names if words and all(word in _WORD.findall(each) for word in words)]
    close = get_close_matches(name.lower(), having or names, 1, cutoff=0.0 if having else 0.6)
    return names[close[0]] if close else ""


def find(name: str) -> Model:
    """The model with this name, as `known` finds it.

    Raises:
        CookbookError: for an unknown name, with the most similar known name.
    """
    if found := known(name):
        return found
    close = neighbour(name)
    hint = f"Did you mean {close!r}?" if close else "`cookbook models` lists those that are known."
    raise CookbookError(f"There is no model {name!r} in the table. {hint}")


def mentioned(text: str) -> Model | None:
    """The model whose name stands in a text, such as an address or an error message: the longest such name.

    A name counts only where it ends, so `Mistral-large-2407` is no `Mistral-large`.
    """
    found = [
        (len(name), model)
        for model in models().values()
        for name in {model.name, model.asset}
        if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|[.-]\d)", text, re.IGNORECASE)
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


def advice(model: Model) -> str:
    """When a model was retired on Azure and what replaces it, in one line; empty for one that was not."""
    if model.retired is None:
        return ""
    instead = f" Use {model.successor[0].value}." if model.successor else ""
    other = next((f" (a page of {each.seen} says {each.value})" for each in model.azure[1:]), "")
    return f"{model.name} was retired on {model.retired}{other}.{instead}"
