"""`python tests/bench/client_costs.py`: what each client costs, measured beside each other in one go.

All of them talk to one local endpoint, each in a process of its own, in turn. Results are kept in upkeep/measurements;
the gallery's comparison page shows them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import reporting
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.files import write_json
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Cell
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.snippets.starter import FIRST_ANSWER, KEY, read, snippets, starter
from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.faults.calls import PACKAGES

CLIENTS = names()

_HERE = Path(__file__).resolve().parent
_NOTEBOOKS = _HERE.parents[1] / "notebooks"
FLOOR, STREAM, AT_ONCE = "floor", "Stream the answer", "Call asynchronously"
CORE = ("model", "messages", "temperature", "max_tokens")  # what every client has to send alike
MEASURES = {  # title, unit, digits
    "start": ("Process start to the first answer", "s", 2),
    "start_cpu": ("Processor time of that", "s", 2),
    "import": ("Import, which is part of it", "s", 2),
    "call": ("A completion", "ms", 2),
    "call_cpu": ("Processor time of that", "ms", 2),
    "stream": ("A stream of 72 tokens", "ms", 2),
    "first": ("Its first text", "ms", 2),
    "many": ("192 completions, 32 at once, divided by 192", "ms", 2),
    "many_cpu": ("Processor time of that", "ms", 2),
    "memory": ("Memory, before many at once", "MiB", 0),
    "body": ("Body of its request", "bytes", 0),
    "packages": ("Packages that it installs", "", 0),
    "size": ("Their size on disk", "MiB", 0),
}
_TIMEOUT = 600  # seconds for one process; on a busy machine an import alone takes many


def main() -> None:
    options = _options()
    programs = {FLOOR: _bare(), **{client: _of_notebook(client) for client in CLIENTS}}
    values: dict[str, dict[str, list[float]]] = {client: {} for client in programs}
    for client in CLIENTS:
        found = needed(programs[client].pop("packages"))
        values[client] |= {"packages": [len(found)], "size": [round(megabytes(found.values()), 1)]}
    order, sent = list(programs), dict[str, str]()
    for repeat in range(options.repeats):
        print(f"Repeat {repeat + 1} of {options.repeats}", flush=True)
        for client in order[repeat % len(order) :] + order[: repeat % len(order)]:
            measured = _measure({**programs[client], "calls": options.calls})
            sent[client] = measured.pop("sent")
            for measure, value in {**measured, "body": len(sent[client].encode())}.items():
                values[client].setdefault(measure, []).append(round(value, 3))
            shown = ", ".join(f"{name} {each[-1]:g}" for name, each in values[client].items())
            print(f"  {client:12} {shown}", flush=True)
        _same_question(sent)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": reporting.machine(),
        "versions": reporting.versions([*PACKAGES.values()]),
        "settings": {"repeats": options.repeats, "calls": options.calls},
        "measures": {
            name: {"title": title, "unit": unit, "digits": digits} for name, (title, unit, digits) in MEASURES.items()
        },
        "values": values,
    }
    write_json(options.results / "clients.json", results)


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The installed distributions that requirements name, and all that these need in turn."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or []:
            one = Requirement(text)
            environments = [{"extra": extra} for extra in wanted.extras or {""}]
            if one.marker is None or any(one.marker.evaluate(each) for each in environments):
                waiting.append(one)
    return found


def megabytes(distributions: Iterable[Distribution]) -> float:
    """Their files on disk in MiB, without compiled bytecode."""
    files = [one.locate_file(file) for one in distributions for file in one.files or [] if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files if path.is_file()) / 2**20


def _same_question(sent: dict[str, str]) -> None:
    """Stop where two clients were not asked for the same: then their costs cannot be compared.

    Args:
        sent: the body of each client's request.
    """
    bodies = (json.loads(sent[client]) for client in CLIENTS)
    asked = {json.dumps({name: body.get(name) for name in CORE}, sort_keys=True) for body in bodies}
    if len(asked) != 1:
        sys.exit("The clients do not ask the same: " + " and ".join(sorted(asked)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the clients cost.")
    parser.add_argument("--repeats", type=int, default=5, choices=range(1, 21), metavar="N", help="repeats (1 to 20)")
    parser.add_argument("--calls", type=int, default=200, choices=range(1, 10_001), metavar="N", help="calls a repeat")
    parser.add_argument("--results", type=Path, default=measurements.FOLDER, help="the folder that keeps the results")
    return parser.parse_args()


def _of_notebook(client: str) -> dict[str, Any]:
    """A client's starter, the two cells that are repeated, and what to install."""
    notebook, program = read(_NOTEBOOKS, client), starter(_NOTEBOOKS, KEY, client)
    install = re.search(r"^# Install: pip install (.*)$", program, re.M)[1]
    return {
        "starter": f"{program}\n{notebook.parameters_source}",  # the starter has only those that it uses
        "call": _first_that_prints(snippets(notebook, FIRST_ANSWER)),
        "stream": _first_that_prints(snippets(notebook, STREAM)),
        "at_once": _first_that_prints(snippets(notebook, AT_ONCE)),
        "packages": shlex.split(install),
    }


def _first_that_prints(cells: list[Cell]) -> str:
    """The code up to the first cell that prints: the plain case, before a section goes into details."""
    last = next(place for place, cell in enumerate(cells) if "print(" in cell.source)
    return "\n".join(cell.source for cell in cells[: last + 1])


def _bare() -> dict[str, Any]:
    _, connection, call, stream = (_HERE / "bare_client.py").read_text(encoding="utf-8").split("# %%\n")
    return {"starter": f"{connection}\n{call}", "call": call, "stream": stream}


def _measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run a client in a fresh process against a fresh key, whose quota nothing has used."""
    key = new_key()
    with start([key], requests_per_minute=10**9, tokens_per_minute=10**12) as endpoint:
        variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: key}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(_HERE / "one_client.py")],
            input=json.dumps(job),
            env=variables,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    measured = json.loads(done.stdout)
    return {"start": measured.pop("answered") - began, **measured}


if __name__ == "__main__":
    main()
