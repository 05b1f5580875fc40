"""The models that the reader's own signed-in `az` lists, compared with the table. Nothing is changed on Azure.

Two lists are requested: the versions in the registry `azureml`, from which managed compute deploys, and the models that
a Foundry resource can have in a region, with their life-cycle stages.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from mistral_on_azure.catalog.models import Model, models
from mistral_on_azure.errors import CookbookError

REGISTRY = (
    "az", "ml", "model", "list", "--registry-name", "azureml",
    "--query", "[?contains(name,'istral')].{name:name,version:version || latest_version}",
    "--output", "json",
)  # fmt: skip  # without a --name az lists containers, whose version is null
_RESOURCES = (
    "az", "cognitiveservices", "model", "list", "--output", "json",
    "--query", "[?contains(model.format,'istral')].{name:model.name,version:model.version,stage:model.lifecycleStatus}",
)  # fmt: skip
_NO_CHAT = ("ocr", "document")  # in names of models that are sold for something else
_SECONDS = 180  # the registry has thousands of versions
_STAGES = {  # of Azure's Models API, in the words of its pages
    "Preview": "Preview",
    "GenerallyAvailable": "GA",
    "Stable": "GA",
    "Deprecating": "Deprecated",
    "Deprecated": "retired",
}

Rows = list[dict[str, Any]]


def resources_command(location: str) -> tuple[str, ...]:
    """The command that lists what a Foundry resource in a region can have."""
    return (*_RESOURCES, "--location", location)


def ask(command: tuple[str, ...]) -> Rows:
    """Run a listing command of the Azure CLI.

    Raises:
        CookbookError: when `az` is missing, not signed in or too slow, or does not print a list.
    """
    what = " ".join(command[: next(at for at, word in enumerate(command) if word.startswith("-"))])
    if not (program := shutil.which(command[0])):
        raise CookbookError(
            "`az` is not installed. Install the Azure CLI, then `az extension add --name ml` and `az login`."
        )
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise CookbookError(f"`{what}` did not answer within {_SECONDS} s. Try again later.") from None
    if done.returncode:
        raise CookbookError(f"`{what}` failed: {_reason(done.stderr)} {_remedy(done.stderr)}")
    return read(done.stdout, what)


def read(printed: str, what: str) -> Rows:
    """The rows that a command printed.

    Raises:
        CookbookError: when it is no list of rows with a name and a version.
    """
    try:
        rows: Rows = json.loads(printed)
        if not all(isinstance(row["name"], str) and isinstance(row["version"], str | int) for row in rows):
            raise TypeError
        return [{**row, "version": str(row["version"])} for row in rows]
    except (ValueError, KeyError, TypeError):
        raise CookbookError(f"What `{what}` printed is not the list that was expected: `az upgrade`.") from None


def registry_differences(rows: Rows) -> list[str]:
    """A line for each model on managed compute that has another newest version in the registry, or is missing there."""
    newest = _newest(rows)
    offered = [model for model in models().values() if any(fact.value == "offered" for fact in model.managed)]
    return [line for model in offered if (line := _difference(model, newest.get(model.asset)))]


def resource_differences(rows: Rows) -> list[str]:
    """A line for each model of a Foundry resource whose version or stage in the list differs from the table.

    A model that the list has and the table lacks gets a line, too.
    """
    rows = [row for row in rows if not any(word in row["name"].lower() for word in _NO_CHAT)]
    newest = _newest(rows)
    stages = {row["name"].lower(): str(row.get("stage")) for row in rows if row["version"] == newest[row["name"]]}
    names = {name.lower(): name for name in newest}
    lines = []
    for model in models().values():
        listed = names.pop(model.name.lower(), None)
        if model.group == "sold today":
            lines.append(_difference(model, newest.get(listed) if listed else None))
        if listed:
            stage = stages[model.name.lower()]
            lines.append(_other_stage(model, _STAGES.get(stage, stage)))
    lines += [f"{name}: your list has it, the table does not." for name in names.values()]
    return [line for line in lines if line]


def _difference(model: Model, here: str | None) -> str:
    known = model.version[0].value if model.version else ""
    if here is None:
        return f"{model.asset}: the table has {f'version {known}' if known else 'it'}, your list does not have it."
    return f"{model.asset}: the table has version {known}, your list has {here}." if known and here != known else ""


def _other_stage(model: Model, stage: str) -> str:
    said = ["retired" if fact.value.startswith("retired") else fact.value for fact in model.azure]
    return "" if stage in said else f"{model.name}: {' or '.join(said)} in the table, {stage} in your list."


def _newest(rows: Rows) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        found[row["name"]] = max(found.get(row["name"], "0"), row["version"], key=_number)
    return found


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdigit() else (0, version)


def _reason(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "it gave no reason")
    return f"{why.rstrip().rstrip('.')}."


def _remedy(said: str) -> str:
    if "az login" in said or "AADSTS" in said:
        return "Sign in, then try again."
    if "'ml'" in said or "misspelled" in said or "not in the" in said:
        return "Add the extension: `az extension add --name ml`."
    return "Correct that, then try again."
