"""The report: a Markdown page made from nothing but the results' JSON, so that the two can never differ."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from slices import MEASURES, Measure
from wanted_ratios import TARGETS, Target, Verdict, judge

NAME = "endpoint"


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    machine, settings = results["machine"], results["settings"]
    apart = "server and load generator on a core each" if settings["pinned"] else "server and load generator not pinned"
    return "\n".join(
        [
            "# The local endpoint beside its rivals",
            "",
            "Made by `make bench`; rebuilt from `endpoint.json` by `python tests/bench/endpoint_speed.py --render`.",
            "",
            f"{results['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}; loopback, {apart}; "
            f"{settings['repeats']} repeats of {settings['seconds']:g} s a measure, all servers in turn; medians, with "
            "the smallest and the largest repeat in parentheses.",
            "",
            *target_rows(TARGETS, verdicts(results)),
            "",
            *_table(results),
            "",
            *_notes(results),
            "",
        ]
    )


def verdict_line(verdict: Verdict) -> str:
    """A target in one line, for the terminal."""
    passed = "PASS  " if verdict.passed else "MISSED"
    rival = f" ({verdict.rival})" if verdict.rival else ""
    return f"{passed} {verdict.target.name}{rival}: {_reached(verdict)}, wanted {verdict.target.wanted()}"


def verdicts(results: dict[str, Any]) -> list[Verdict | None]:
    return [judge(target, results["values"]) for target in TARGETS]


def _reached(verdict: Verdict) -> str:
    unit = verdict.target.unit
    return f"{verdict.median:.2f}{unit} ({verdict.low:.2f} to {verdict.high:.2f})"


def target_rows(targets: Sequence[Target], verdicts: Sequence[Verdict | None]) -> list[str]:
    """A table of targets and what was reached."""
    rows = ["| target | wanted | measured | rival | |", "|---|---|---|---|---|"]
    for target, verdict in zip(targets, verdicts, strict=True):
        measured = ("not measured", "", "") if verdict is None else _cells(verdict)
        rows.append(f"| {target.name} | {target.wanted()} | {' | '.join(measured)} |")
    return rows


def _cells(verdict: Verdict) -> tuple[str, str, str]:
    return _reached(verdict), verdict.rival or "", "PASS" if verdict.passed else "**MISSED**"


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


def _notes(results: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return [
        "- `cookbook serve` checks the key, counts exactly with Mistral's tokenizer and computes the quota for every "
        "request; its quota is set too high to be reached. mocktopus and aimock check no key, have no quota and "
        "estimate or repeat their counts.",
        "- floor: a constant answer from httptools and uvloop, the libraries `cookbook serve` stands on.",
        "- Streams: ours send an event for each token; mocktopus waits 20 ms after each of its events, which cannot be "
        "changed; aimock sends 20 characters an event.",
        "- Paced: 200 ms to the first token, 20 ms between tokens; aimock's schedule is its own profile of the same "
        "figures over its fewer events. A stream's time runs from the moment its request is sent.",
        "- The load generator is one process for all servers and always awake, so that no server is charged for waking "
        "it. The floor shows what it is able to send.",
        "- The server's CPU is what the system charged its process for a request: it says how much of a rate is the "
        "server's own, whatever else the machine was doing.",
        *(f"- {line}" for line in results["missing"]),
        f"- Versions: {versions}.",
    ]
