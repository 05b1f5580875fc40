"""`make engines`: the notebooks, unchanged, on other people's servers; what each can do is kept in results/.

Every notebook goes through `cookbook run`. One that fails is executed once more to its end, cell by cell, for the
sections. Names of engines measure only those and keep the rest; so does --only with names of notebooks. --render only
writes the page again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from protocol_questions import ask_everything

from engines import ENGINES, Engine, Missing, Served
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import read_json
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.running.worker import one_line
from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.measurements import Results

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "engines"
RESULTS = measurements.FOLDER
_MAX_TOKENS, _TIMEOUT = 48, 200  # a small model on a busy machine has to answer some 250 times
_LIMITS = ["--workers", "2", "--cell-timeout", "400", "--notebook-timeout", "1800"]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def main() -> int:
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("engines", nargs="*", help="names; all of them without any")
    wanted.add_argument(
        "--only", nargs="+", default=[], metavar="NOTEBOOK", help="keep the rows of the other notebooks"
    )
    wanted.add_argument("--render", action="store_true", help="measure nothing, write the page again")
    wanted.add_argument("--results", type=Path, default=RESULTS)
    given = wanted.parse_args()
    if unknown := set(given.engines) - {engine.name for engine in ENGINES}:
        sys.exit(f"There is no engine {unknown.pop()!r}. There are: {', '.join(engine.name for engine in ENGINES)}.")
    kept = read_json(given.results / f"{NAME}.json") or {}
    for engine in ENGINES:
        if not given.render and (not given.engines or engine.name in given.engines):
            print(f"{engine.name} {engine.version}", flush=True)
            try:
                with engine.serve() as served:
                    fresh = _measure(engine, served, given.only)
                    before = kept.get(engine.name, {}).get("notebooks", []) if given.only else []
                    fresh["notebooks"] = _in_order(before, fresh["notebooks"])
                    kept[engine.name] = fresh
            except Missing as why:
                print(why, file=sys.stderr)
            _save(kept, given.results)  # the next engine takes minutes, too
    _save(kept, given.results)
    return 0


_CELL_TIMEOUT = 120  # seconds; a cell over it is interrupted and counts as failed
_BEGINNING = "Set up"


def errors_by_section(notebook: Path, parameters: dict[str, Any]) -> dict[str, str]:
    """The first error in each section of a notebook, empty for a section in which every cell passed."""
    content = load_notebook_node(str(notebook))
    content = parameterize_notebook(content, parameters, kernel_name="python3", language="python")
    settings = {"timeout": _CELL_TIMEOUT, "interrupt_on_timeout": True, "shutdown_kernel": "immediate"}
    where = {"metadata": {"path": str(notebook.parent)}}
    NotebookClient(content, kernel_name="python3", allow_errors=True, resources=where, **settings).execute()
    section, errors = _BEGINNING, {}
    for cell in content.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            section = cell.source.splitlines()[0].removeprefix("## ")
        errors.setdefault(section, "")
        if cell.cell_type == "code":
            errors[section] = errors[section] or _error(cell)
    return errors


def _error(cell: Any) -> str:
    for output in cell.outputs:
        if output.output_type == "error":
            return one_line(output.ename, output.evalue, output.traceback)
    return ""


NAME = "engines"
_LONGEST = 160  # characters of an error


def page(results: Results) -> str:
    parts = [
        "# The notebooks on other people's servers",
        "Made by `make engines`; rebuilt from `engines.json` by `make engines ARGS=--render`.",
        "Each server is `AZURE_INFERENCE_ENDPOINT` itself. The local endpoint has no part in it; only the runner's "
        "counter is in between. The notebooks are the same as on Azure, with short answers and long patience (`-p "
        "max_tokens 48 -p timeout 200`), and only those that have both parameters. A real engine has to pass them all, "
        "and a gateway all whose answers it leaves as they are. A mock may break what holds on every endpoint, and "
        "stops a notebook that asserts it: the tables say where.",
        _overview(results),
        "## What each cannot do",
        "Of what an endpoint on Azure does. Notebooks need a few of these; the others they show or step around.",
        _wire(results),
    ]
    for name, result in results.items():
        parts += _failures(name, result)
    return "\n\n".join(parts) + "\n"


def _overview(results: Results) -> str:
    rows = [
        "| engine | version | what it is | notebooks that pass | calls | measured on |",
        "|---|---|---|---|---:|---|",
    ]
    for name, result in results.items():
        jobs = result["notebooks"]
        passed = sum(job["status"] == "passed" for job in jobs)
        calls = sum(job["calls"] for job in jobs)
        cells = (name, result["version"], result["what"], f"{passed} of {len(jobs)}", f"{calls}", result["day"])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _wire(results: Results) -> str:
    rows = [f"| | {' | '.join(results)} |", f"|---|{':---:|' * len(results)}"]
    for question in next(iter(results.values()))["wire"]:
        answers = ("yes" if result["wire"].get(question) else "**no**" for result in results.values())
        rows.append(f"| {question} | {' | '.join(answers)} |")
    return "\n".join(rows)


def _failures(name: str, result: dict[str, Any]) -> list[str]:
    """The sections that an engine cannot serve, those of a client with the same error together."""
    failed = [job for job in result["notebooks"] if job["status"] != "passed"]
    if not failed:
        return []
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for job in failed:
        for section, error in job["sections"].items():
            if error:
                together[job["client"], _short(error)].append(section)
    rows = ["| client | error | sections |", "|---|---|---|"]
    rows += [f"| {client} | {error} | {', '.join(sections)} |" for (client, error), sections in together.items()]
    sections = [error for job in failed for error in job["sections"].values()]
    said = f"Of the {len(sections)} sections in notebooks that fail, {sections.count('')} pass."
    return [f"## Where {name} stops a notebook", f"{said} These do not:", "\n".join(rows)]


def _short(error: str) -> str:
    shown = error if len(error) <= _LONGEST else f"{error[: _LONGEST - 1]}…"
    return f"`{shown.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _save(kept: dict[str, Any], results: Path) -> None:
    ordered = {engine.name: kept[engine.name] for engine in ENGINES if engine.name in kept}
    measurements.keep(NAME, page, results, ordered)


def _in_order(before: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as `cookbook run` orders them, a fresh one in the place of one that was measured before."""
    rows = {job["notebook"]: job for job in (*before, *fresh)}
    return [rows[name] for name in notebooks(ROOT / "notebooks") if name in rows]


def _measure(engine: Engine, served: Served, only: list[str]) -> dict[str, Any]:
    wire = ask_everything(served)
    os.environ[ENDPOINT], os.environ[CREDENTIAL] = served.url, served.key
    parameters = {"model": served.model, "max_tokens": _MAX_TOKENS, "timeout": _TIMEOUT}
    jobs = _run(engine, parameters, only)
    for job in jobs:
        if job["status"] != "passed":
            notebook = ROOT / "notebooks" / f"{job['notebook']}.ipynb"
            print(f"  {job['notebook']} once more, to its end", flush=True)
            job["sections"] = {title: _clean(said) for title, said in errors_by_section(notebook, parameters).items()}
    about = {"version": engine.version, "what": engine.what, "day": time.strftime("%Y-%m-%d")}
    return {**about, "parameters": {"max_tokens": _MAX_TOKENS, "timeout": _TIMEOUT}, "wire": wire, "notebooks": jobs}


def _run(engine: Engine, parameters: dict[str, Any], only: list[str]) -> list[dict[str, Any]]:
    """`cookbook run` on the engine; the rows of its results.json, as far as they are of interest here."""
    reports = REPORTS / engine.name.replace(" ", "-")
    command = [Path(sys.executable).with_name("cookbook"), "run", *only, "--reports", reports, *_LIMITS]
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    subprocess.run(command, check=False)
    kept = ("notebook", "client", "status", "seconds", "calls", "total_tokens", "counted_exactly", "error")
    rows = json.loads((reports / "results.json").read_text(encoding="utf-8"))["jobs"]
    ran = [row for row in rows if row["status"] != "skipped"]  # other languages have no parameters to set
    return [{name: row[name] for name in kept} | {"error": _clean(row["error"])} for row in ran]


def _clean(text: str) -> str:
    """An error without the address of this machine, which is another one each time."""
    return _ADDRESS.sub("ENDPOINT", text)


if __name__ == "__main__":
    sys.exit(main())
