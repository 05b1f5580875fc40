"""`python tests/bench/endpoint_speed.py`: the local endpoint, its rivals and the floor, measured in one go.

All servers run at the same time, pinned to one core, and are loaded in turn from another one. Results are kept in
helpers/mistral_on_azure/upkeep/measurements, as JSON and as the page made from it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import signal
import sys
from pathlib import Path
from typing import Any

import installing
import machine
import reporting
import slices
from contenders import MOCKTOPUS, Contender, available
from generator import LoadError

from mistral_on_azure.upkeep import measurements
from running import CORES, Running, verify


def main() -> None:
    options = _options()
    if options.render:
        return measurements.keep(reporting.NAME, reporting.page, options.results)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended
    described = machine.describe()  # before this process keeps to one core
    installing.CACHE.mkdir(parents=True, exist_ok=True)
    contenders, missing = available()
    print(*missing, sep="\n", end="\n" * bool(missing))
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": described,
        "versions": {**machine.versions(), **machine.node(), **_rivals([contender.name for contender in contenders])},
        "settings": {"seconds": options.seconds, "repeats": options.repeats, "pinned": len(CORES) > 1},
        "missing": missing,
        "events": {},
        "values": {contender.name: {} for contender in contenders},
    }
    try:
        for repeat in range(options.repeats):
            print(f"Repeat {repeat + 1} of {options.repeats}", flush=True)
            _repeat(contenders[repeat % len(contenders) :] + contenders[: repeat % len(contenders)], options, results)
    except LoadError as error:
        sys.exit(f"The benchmark stopped: {error}.")
    measurements.keep(reporting.NAME, reporting.page, options.results, results)
    for target, verdict in zip(reporting.TARGETS, reporting.verdicts(results), strict=True):
        print(reporting.verdict_line(verdict) if verdict else f"not measured: {target.name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the local endpoint beside its rivals.")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of load for each measure and server")
    parser.add_argument("--repeats", type=int, default=3, choices=range(1, 21), metavar="N", help="repeats (1 to 20)")
    parser.add_argument("--render", action="store_true", help="only rebuild the page from the kept results")
    parser.add_argument("--results", type=Path, default=measurements.FOLDER, help="the folder that keeps the results")
    options = parser.parse_args()
    if not 0.1 <= options.seconds <= 60:
        parser.error("--seconds is from 0.1 to 60")
    return options


def _rivals(names: list[str]) -> dict[str, str]:
    versions = {"@copilotkit/aimock": installing.AIMOCK} if "aimock" in names else {}
    return {**versions, **(installing.versions_of_mocktopus() if MOCKTOPUS in names else {})}


def _repeat(contenders: list[Contender], options: argparse.Namespace, results: dict[str, Any]) -> None:
    """Start every server, put the loads on them in turn, weigh them, end them."""

    def note(server: str, measure: str, value: float) -> None:
        results["values"][server].setdefault(measure, []).append(round(value, 4))
        about = slices.MEASURES[measure]
        print(f"  {server:15} {about.title}: {value:,.{about.digits}f} {about.unit}", flush=True)

    with contextlib.ExitStack() as stack:
        servers = []
        for contender in contenders:
            running = Running(contender)
            stack.callback(running.stop)
            servers.append(running)
            note(contender.name, "first", running.first)
            results["events"][contender.name] = verify(running)
        for running in servers:
            slices.warm_up(running)
        slices.measure_loads(servers, options.seconds, note)
        for running in servers:
            name = running.contender.name
            if running.contender.pace:
                note(name, "paced", slices.measure_pace(running, results["events"][name]))
            if (memory := running.memory()) is not None:
                note(name, "memory", memory)


if __name__ == "__main__":
    main()
