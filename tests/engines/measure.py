"""`make engines`: the notebooks, unchanged, on other people's servers; what each can do is kept in results/.

Every notebook goes through `cookbook run`. One that fails is executed once more to its end, cell by cell, for the
sections. Names of engines measure only those and keep the rest; --render only writes the page again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import engines_page as page
from passed_sections import errors_by_section
from protocol_questions import ask_everything

from engines import ENGINES, Engine, Missing, Served
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import read_json
from mistral_on_azure.upkeep import measurements

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "engines"
RESULTS = measurements.FOLDER
_MAX_TOKENS, _TIMEOUT = 48, 200  # a small model on a busy machine has to answer some 250 times
_LIMITS = ["--workers", "2", "--cell-timeout", "400", "--notebook-timeout", "1800"]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def main() -> int:
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("engines", nargs="*", help="names; all of them without any")
    wanted.add_argument("--render", action="store_true", help="measure nothing, write the page again")
    wanted.add_argument("--results", type=Path, default=RESULTS)
    given = wanted.parse_args()
    if unknown := set(given.engines) - {engine.name for engine in ENGINES}:
        sys.exit(f"There is no engine {unknown.pop()!r}. There are: {', '.join(engine.name for engine in ENGINES)}.")
    kept = read_json(given.results / f"{page.NAME}.json") or {}
    for engine in ENGINES:
        if not given.render and (not given.engines or engine.name in given.engines):
            print(f"{engine.name} {engine.version}", flush=True)
            try:
                with engine.serve() as served:
                    kept[engine.name] = _measure(engine, served)
            except Missing as why:
                print(why, file=sys.stderr)
            _save(kept, given.results)  # the next engine takes minutes, too
    _save(kept, given.results)
    return 0


def _save(kept: dict[str, Any], results: Path) -> None:
    ordered = {engine.name: kept[engine.name] for engine in ENGINES if engine.name in kept}
    measurements.keep(page.NAME, page.page, results, ordered)


def _measure(engine: Engine, served: Served) -> dict[str, Any]:
    wire = ask_everything(served)
    os.environ[ENDPOINT], os.environ[CREDENTIAL] = served.url, served.key
    parameters = {"model": served.model, "max_tokens": _MAX_TOKENS, "timeout": _TIMEOUT}
    jobs = _run(engine, parameters)
    for job in jobs:
        if job["status"] != "passed":
            notebook = ROOT / "notebooks" / f"{job['notebook']}.ipynb"
            print(f"  {job['notebook']} once more, to its end", flush=True)
            job["sections"] = {title: _clean(said) for title, said in errors_by_section(notebook, parameters).items()}
    about = {"version": engine.version, "what": engine.what, "day": time.strftime("%Y-%m-%d")}
    return {**about, "parameters": {"max_tokens": _MAX_TOKENS, "timeout": _TIMEOUT}, "wire": wire, "notebooks": jobs}


def _run(engine: Engine, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """`cookbook run` on the engine; the rows of its results.json, as far as they are of interest here."""
    reports = REPORTS / engine.name.replace(" ", "-")
    command = [Path(sys.executable).with_name("cookbook"), "run", "--reports", reports, *_LIMITS]
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
