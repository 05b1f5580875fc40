"""`python tests/bench/notebook_speed.py`: the clients' notebooks by our runner, by its rivals and as plain programs.

Each way runs alone, in turn. Results are kept in upkeep/measurements, as JSON and as the page made from it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import installing
import machine
import notebooks_page as page
import set_up
import ways

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.running.processes import adopt_orphans
from mistral_on_azure.upkeep import measurements

_IMPORT = "import time; began = time.perf_counter(); import mistral_on_azure; print(time.perf_counter() - began)"
_IMPORTS = 15  # times that `import mistral_on_azure` is measured
_PACKAGES = ("papermill", "nbclient", "ipykernel", "litellm", "langchain", "openai")


def main() -> None:
    options = _options()
    if options.render:
        return measurements.keep(page.NAME, page.page, options.results)
    adopt_orphans()  # so that the processor time of what a way leaves behind when it ends is counted, too
    installing.CACHE.mkdir(parents=True, exist_ok=True)
    contenders, missing = ways.available()
    print(*missing, sep="\n", end="\n" * bool(missing))
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(_PACKAGES) | ({"nbmake": installing.NBMAKE} if ways.NBMAKE in contenders else {}),
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
        results["set_up"] = {} if options.no_set_up else set_up.measure()
    except ways.Failed as error:
        sys.exit(f"The benchmark stopped: {error}.")
    measurements.keep(page.NAME, page.page, options.results, results)
    print(*page.verdict_lines(results), sep="\n")


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
