"""What an endpoint refuses while a notebook runs, cell by cell, and the table of what it is to refuse."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from local_endpoint import Local
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.endpoint.gateway.managed import STATUS
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.running.jobs import plan

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
KEPT = 64  # exchanges that the journal holds; no cell makes as many
Refusals = dict[str, list[str]]  # the statuses, in order, by the id of the cell


def table() -> Mapping[str, Any]:
    """All of refusals.toml."""
    return tomllib.loads(Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8"))


def expected(kind: str, notebook: str, deployment: str) -> Refusals:
    """What the table says of a notebook on one kind and deployment."""
    short = {name: each for each, name in table()["deployments"].items()}[deployment]
    found = {}
    for cell, row in table()[kind].get(notebook, {}).items():
        statuses = row.get(short, []) if isinstance(row, dict) else row
        if statuses:
            found[cell] = statuses
    return found


def observed(kind: str, notebook: str, deployment: str, **options: Any) -> Refusals:
    """Execute a notebook on an endpoint of its own; the refusals are those in the endpoint's journal.

    Args:
        options: of the endpoint, such as concurrent and timing.

    Raises:
        CellExecutionError: when a cell fails.
    """
    with start([key := new_key()], kind=kind, deployment=deployment, **options) as endpoint:
        local = Local(endpoint.url, key)
        with _environment({ENDPOINT: local.url, CREDENTIAL: local.key}):
            return _executed(notebook, deployment, local)


def _executed(notebook: str, deployment: str, local: Local) -> Refusals:
    document = nbformat.read(FOLDER / f"{notebook}.ipynb", 4)
    (job,) = plan(FOLDER, Selection(names=[notebook]), [deployment], {}, FOLDER)
    for cell in document.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(r'(?m)^(model: str = )".*?"', rf'\1"{deployment}"', cell.source)
    found: Refusals = {}
    seen = -1.0

    def note(cell: Any, **_: Any) -> None:
        nonlocal seen
        fresh = [each for each in local.exchanges(KEPT) if each["at"] > seen]
        assert len(fresh) < KEPT, f"{cell.id} makes more requests than the journal holds"
        seen = fresh[-1]["at"] if fresh else seen
        refused = [_status(each) for each in fresh if each["status"] >= 400 and not each["note"]]
        if refused:
            found[cell.id] = refused

    with job.working_folder() as folder:  # some write files beside them
        resources = {"metadata": {"path": str(folder)}}
        notes = {"on_cell_executed": lambda cell, **_: note(cell)}
        NotebookClient(document, timeout=120, resources=resources, **notes).execute()
    return found


def _status(exchange: Mapping[str, Any]) -> str:
    """The status that the endpoint answered, and in it the one that the container answered."""
    inner = exchange["answer_headers"].get(STATUS)
    return f"{exchange['status']} around {inner}" if inner else str(exchange["status"])


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
