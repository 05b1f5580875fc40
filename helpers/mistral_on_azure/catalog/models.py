"""`cookbook models`: the dated table of Mistral's models on Azure, models.toml, and its comparison with `az`."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, fields
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mistral_on_azure.errors import CookbookError

FRESH = timedelta(days=90)  # a row that was not looked at for longer says so
KINDS = ("serverless", "managed", "foundry")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact with its source.

    Attributes:
        value: the fact.
        source: the source's name, as a reader would look for it.
        seen: the day on which the source was read.
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
        """Whether the row was last checked more than 90 days ago."""
        return (today or date.today()) - self.checked > FRESH

    def facts(self) -> dict[str, Facts]:
        """All facts by name, without those that have no source."""
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
    """The oldest day on which a row was checked."""
    return min(model.checked for model in models().values())


def find(name: str) -> Model:
    """The model with this name, in the spelling of the cookbook or of Azure's catalog.

    Raises:
        CookbookError: for an unknown name, with the most similar known name.
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


def rows() -> list[dict[str, Any]]:
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


_LISTING = (
    "az", "ml", "model", "list", "--registry-name", "azureml",
    "--query", "[?contains(name,'istral')].{name:name,version:version}", "-o", "json",
)  # fmt: skip
_SECONDS = 120


def run(name: str, as_json: bool, check: bool, stale: bool) -> int:
    """Run `cookbook models`, and return its exit status."""
    if as_json:
        chosen = find(name).name if name else ""
        print(json.dumps([row for row in rows() if chosen in ("", row["name"])], indent=2))
    elif name:
        show_one(Console(), find(name))
    elif check:
        lines = differences(listed_by_az())
        print("\n".join(lines) or "Your list has the versions of the table.")
        return 1 if lines else 0
    elif stale:
        old = [model.name for model in models().values() if model.stale()]
        print(f"Not looked at for 90 days: {', '.join(old)}." if old else "Every row is fresh.")
        return 1 if old else 0
    else:
        show(Console())
    return 0


def show(console: Console) -> None:
    """Print the table in groups, with the oldest day on which a row was checked."""
    for group in dict.fromkeys(model.group for model in models().values()):
        rows = [model for model in models().values() if model.group == group]
        table = Table(title=f"{group} (as of {as_of()})", title_justify="left", box=None, pad_edge=False)
        for name in ("model", *KINDS, "runs on", "context", "tools", "on Azure", "next"):
            table.add_column(name, overflow="fold")
        for model in rows:
            kinds = [_first(getattr(model, kind)) for kind in KINDS]
            more = [
                _all(model.sizes),
                _all(model.context),
                _first(model.tools),
                _all(model.azure),
                _first(model.successor),
            ]
            table.add_row(f"{model.name}{' (not checked for 90 days)' if model.stale() else ''}", *kinds, *more)
        console.print(table)
        console.print()
    console.print("`cookbook models NAME` tells one model's facts with their sources; --json is for programs.")


def show_one(console: Console, model: Model) -> None:
    """Print all facts of one model, each with its source and date."""
    console.print(f"{model.name}, in the catalog {model.asset}, checked {model.checked}", highlight=False)
    for name, facts in model.facts().items():
        for fact in facts:
            console.print(f"  {name:<11} {fact}", highlight=False, markup=False)
    for line in (model.note, advice(model), "This row was not looked at for 90 days." if model.stale() else ""):
        if line:
            console.print(line, highlight=False, markup=False)


def listed_by_az(recorded: str | None = None) -> dict[str, str]:
    """The newest version of each Mistral model that the reader's own `az` lists. Nothing is changed.

    Args:
        recorded: what `az` printed, in place of running it.

    Raises:
        CookbookError: without `az`, or when it is not signed in.
    """
    text = recorded if recorded is not None else _ask_az()
    try:
        rows: list[dict[str, Any]] = json.loads(text)
        found: dict[str, str] = {}
        for row in rows:
            found[row["name"]] = max(found.get(row["name"], "0"), str(row["version"]), key=_number)
        return found
    except (ValueError, KeyError, TypeError):
        raise CookbookError(
            "What `az ml model list` printed is not the list that was expected. Update the Azure CLI."
        ) from None


def differences(listed: dict[str, str]) -> list[str]:
    """A line for each model of the table whose newest version is another one in the list, or that is missing there."""
    lines = []
    for model in models().values():
        if not any(fact.value == "offered" for fact in model.managed):
            continue
        known, here = model.version[0].value if model.version else "", listed.get(model.asset)
        if here is None:
            lines.append(f"{model.asset}: the table has version {known}, your list does not have it.")
        elif here != known:
            lines.append(f"{model.asset}: the table has version {known}, your list has {here}.")
    return lines


def _ask_az() -> str:
    if not shutil.which("az"):
        raise CookbookError("`az` is not installed. Install the Azure CLI, then `az extension add --name ml`.")
    try:
        done = subprocess.run(_LISTING, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise CookbookError(f"`az ml model list` did not answer within {_SECONDS} s. Try again later.") from None
    if done.returncode:
        why = (done.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise CookbookError(f"`az ml model list` failed: {why} Sign in with `az login` and try again.")
    return done.stdout


def _first(facts: Facts) -> str:
    return facts[0].value if facts else "–"


def _all(facts: Facts) -> str:
    return " / ".join(fact.value for fact in facts) or "–"


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (0, version)
