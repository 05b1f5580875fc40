"""`cookbook models`: the table printed, and compared with what a signed-in `az` lists."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from rich.console import Console
from rich.table import Table

from mistral_on_azure.catalog.models import KINDS, Facts, Model, advice, as_of, find, models
from mistral_on_azure.catalog.models import as_json as rows
from mistral_on_azure.errors import CookbookError

_LISTING = (
    "az", "ml", "model", "list", "--registry-name", "azureml",
    "--query", "[?contains(name,'istral')].{name:name,version:version}", "-o", "json",
)  # fmt: skip
_SECONDS = 120


def run(name: str, as_json: bool, check: bool, stale: bool) -> int:
    """Do what `cookbook models` was asked to; the exit status."""
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
    """Print the table, a group after the other, with the date of the row looked at longest ago."""
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
    """Print everything that is known of one model, each fact with its source and date."""
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
