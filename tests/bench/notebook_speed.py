"""`python tests/bench/notebook_speed.py`: the clients' notebooks by our runner, by its rivals and as plain programs.

Each way runs alone, in turn. Results are kept in upkeep/measurements, as JSON and as the page made from it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import installing
import reporting
import ways
from installing import CACHE, ROOT, variables_kept
from reporting import Target, Verdict, judge, target_lines, target_rows
from ways import FLOOR, NBMAKE, OURS, PAPERMILL, Failed

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.running.worker import adopt_orphans
from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.markdown import filled

_IMPORT = "import time; began = time.perf_counter(); import mistral_on_azure; print(time.perf_counter() - began)"
_IMPORTS = 15  # times that `import mistral_on_azure` is measured
_PACKAGES = ("papermill", "nbclient", "ipykernel", "litellm", "langchain", "openai")


def main() -> None:
    options = _options()
    if options.render:
        return measurements.keep(NAME, page, options.results)
    adopt_orphans()  # so that the processor time of what a way leaves behind when it ends is counted, too
    CACHE.mkdir(parents=True, exist_ok=True)
    contenders, missing = ways.available()
    print(*missing, sep="\n", end="\n" * bool(missing))
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": reporting.machine(),
        "versions": reporting.versions(_PACKAGES) | ({"nbmake": installing.NBMAKE} if NBMAKE in contenders else {}),
        "settings": {"repeats": options.repeats},
        "missing": missing,
        "values": {name: {"wall": [], "cpu": []} for name in contenders},
        "helpers": {},
        "set_up": {},
    }
    try:
        ways.ours()  # compiles what is not yet, and learns how long each notebook takes
        for repeat in range(options.repeats):
            print(f"Repeat {repeat + 1} of {options.repeats}", flush=True)
            _repeat(contenders, results["values"])
        results["helpers"] = _helpers()
        results["set_up"] = {} if options.no_set_up else measure_set_up()
    except Failed as error:
        sys.exit(f"The benchmark stopped: {error}.")
    measurements.keep(NAME, page, options.results, results)
    print(*target_lines(TARGETS, _verdicts(results)), sep="\n")


_SET_UP_TIMEOUT = 900  # seconds


def measure_set_up() -> dict[str, float]:
    """Set up twice, first with nothing downloaded and then with everything.

    Returns:
        Seconds from `make run` in a fresh copy of the project to "Set up." and to the first executed notebook.

    Raises:
        Failed: when it does not come to that.
    """
    caches = {"UV_CACHE_DIR": str(CACHE / "cache" / "uv"), "PIP_CACHE_DIR": str(CACHE / "cache" / "pip")}
    shutil.rmtree(CACHE / "cache", ignore_errors=True)
    measured = {}
    try:
        for packages in ("cold", "warm"):
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:  # on the caches' disk, so that uv can link
                ready, executed = _set_up(Path(folder) / "cookbook", caches)
                measured |= {f"{packages}, set up": ready, f"{packages}, first notebook": executed}
    finally:
        shutil.rmtree(CACHE / "cache", ignore_errors=True)
    return measured


def _set_up(folder: Path, caches: dict[str, str]) -> tuple[float, float]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    kept = {
        name: value for name, value in variables_kept().items() if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL"))
    }
    began, ready = time.perf_counter(), 0.0
    command = ["timeout", str(_SET_UP_TIMEOUT), "make", "run", "ARGS=webrequests"]
    process = subprocess.Popen(
        command, cwd=folder, env=kept | caches, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        for line in process.stdout:
            if line.startswith("Set up."):
                ready = time.perf_counter() - began
            if ": passed in " in line:
                return ready, time.perf_counter() - began
    raise Failed("setting up in an empty folder did not lead to an executed notebook")


NAME = "notebooks"
TARGETS = (
    Target("wall time over serial papermill on the command line", "wall", 0.4, False, (PAPERMILL,)),
    Target("wall time over `pytest --nbmake -n 2`", "wall", 0.55, False, (NBMAKE,)),
    Target("wall time over the floor", "wall", 2, False, (FLOOR,)),
    Target("`import mistral_on_azure`", "import", 0.1, False, unit=" s"),
    Target("what helpers adds to a notebook, the one it adds most to", "share", 1, False, unit=" %"),
)


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    targets = target_rows(TARGETS, _verdicts(results))
    shares = [f"{name} {share:.2f} %" for name, share in results["helpers"].get("share", {}).items()]
    return filled(Path(__file__).with_name(NAME), targets=targets, rows=_table(results), shares=shares, **results)


def _verdicts(results: dict[str, Any]) -> list[Verdict | None]:
    values, cores = results["values"], results["machine"]["cores"]
    walls = {name: {"wall": measured["wall"]} for name, measured in values.items()}
    walls[FLOOR] = {"wall": [seconds / cores for seconds in values[FLOOR]["cpu"]]}
    helpers = results["helpers"]
    walls[OURS] |= {"import": [helpers["import"]], "share": [max(helpers["share"].values())]} if helpers else {}
    return [judge(target, walls, OURS) for target in TARGETS]


def _table(results: dict[str, Any]) -> list[str]:
    values = results["values"]
    serial = statistics.median(values[PAPERMILL]["wall"])
    rows = ["| way | wall time (s) | over papermill | time on a core (s) |", "|---|---|---|---|"]
    for name, measured in values.items():
        ratio = statistics.median(measured["wall"]) / serial
        rows.append(f"| {name} | {_spread(measured['wall'])} | {ratio:.2f}× | {_spread(measured['cpu'])} |")
    return rows


def _spread(measured: list[float]) -> str:
    return f"{statistics.median(measured):.1f} ({min(measured):.1f} to {max(measured):.1f})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast notebooks are executed, beside rivals.")
    parser.add_argument("--repeats", type=int, default=3, choices=range(1, 21), metavar="N", help="repeats (1 to 20)")
    parser.add_argument("--no-set-up", action="store_true", help="do not measure setting up in an empty folder")
    parser.add_argument("--render", action="store_true", help="only rebuild the page from the kept results")
    parser.add_argument("--results", type=Path, default=measurements.FOLDER, help="the folder that keeps the results")
    return parser.parse_args()


def _repeat(contenders: dict[str, Any], values: dict[str, dict[str, list[float]]]) -> None:
    for name, run in contenders.items():
        spent = run()
        values[name]["wall"].append(round(spent.wall, 2))
        values[name]["cpu"].append(round(spent.cpu, 2))
        print(f"  {name:22} {spent.wall:6.1f} s, on a core {spent.cpu:6.1f} s", flush=True)


def _helpers() -> dict[str, Any]:
    """What `import mistral_on_azure` takes, and its part of each notebook's time, on a warm machine."""
    command = [sys.executable, "-c", _IMPORT]
    imports = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(_IMPORTS)]
    whole = ways.seconds_by_notebook()
    with start() as endpoint:
        variables = {ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0]}
        added = {path.stem: ways.seconds_of_helpers(path, variables) for path in ways.NOTEBOOKS}
    share = {name: round(100 * seconds / whole[name], 3) for name, seconds in added.items()}
    return {"import": round(statistics.median(imports), 4), "share": share}


if __name__ == "__main__":
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # a rival's time must not depend on the network
    main()
