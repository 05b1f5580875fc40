"""`python tests/bench/endpoint_speed.py`: the local endpoint, its rivals and the floor, measured in one go.

All servers run at the same time, pinned to one core, and are loaded in turn from another one. Results are kept in
helpers/mistral_on_azure/upkeep/measurements, as JSON and as the page made from it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

import installing
import reporting
import slices
from contenders import AIMOCK, CORES, MOCKTOPUS, OURS, Contender, Running, available, verify
from generator import LoadError
from reporting import Target, Verdict, judge
from slices import MEASURES, Measure

from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.markdown import filled

NAME = "endpoint"
TARGETS = (
    Target("requests/s, same body, over the faster rival", "same", 4, True, (MOCKTOPUS, AIMOCK)),
    Target("requests/s, every body different, over the faster rival", "different", 2, True, (MOCKTOPUS, AIMOCK)),
    Target("streams/s over aimock", "streams", 3, True, (AIMOCK,)),
    Target("p50 at one connection over the lower rival", "p50", 1, False, (MOCKTOPUS, AIMOCK)),
    Target("process start to first 200", "first", 0.35, False, unit=" s"),
    Target("memory over aimock", "memory", 1.3, False, (AIMOCK,)),
    Target("paced streams off their schedule", "paced", 0.5, False, unit=" %"),
)


def main() -> None:
    options = _options()
    if options.render:
        return measurements.keep(NAME, page, options.results)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended
    described = reporting.machine()  # before this process keeps to one core
    installing.CACHE.mkdir(parents=True, exist_ok=True)
    contenders, missing = available()
    print(*missing, sep="\n", end="\n" * bool(missing))
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": described,
        "versions": reporting.versions() | reporting.node() | _rivals(contenders),
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
    measurements.keep(NAME, page, options.results, results)
    print(*reporting.target_lines(TARGETS, _verdicts(results)), sep="\n")


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


def _rivals(contenders: list[Contender]) -> dict[str, str]:
    names = [contender.name for contender in contenders]
    versions = {"@copilotkit/aimock": installing.AIMOCK} if AIMOCK in names else {}
    return versions | (installing.versions_of_mocktopus() if MOCKTOPUS in names else {})


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
            note(name, "memory", running.memory())


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    targets = reporting.target_rows(TARGETS, _verdicts(results))
    return filled(Path(__file__).with_name(NAME), targets=targets, rows=_table(results), **results)


def _verdicts(results: dict[str, Any]) -> list[Verdict | None]:
    return [judge(target, results["values"], OURS) for target in TARGETS]


def _table(results: dict[str, Any]) -> list[str]:
    names = list(results["values"])
    rows = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key, measure in MEASURES.items():
        cells = [_cell(results["values"][name].get(key), measure) for name in names]
        rows.append(f"| {measure.title} ({measure.unit}) | {' | '.join(cells)} |")
    events = [str(results["events"][name]) for name in names]
    rows.append(f"| events in a stream, without `[DONE]` | {' | '.join(events)} |")
    return rows


def _cell(measured: list[float] | None, measure: Measure) -> str:
    if not measured:
        return "–"
    middle, low, high = (f"{pick(measured):,.{measure.digits}f}" for pick in (statistics.median, min, max))
    return f"{middle} ({low}–{high})" if measure.unit != "%" else f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
