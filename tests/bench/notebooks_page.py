"""The page about executing notebooks: Markdown, made from nothing but the results' JSON."""

from __future__ import annotations

import statistics
from typing import Any

from reporting import target_rows, verdict_line
from wanted_ratios import Target, Verdict, judge
from ways import FLOOR, NBMAKE, OURS, PAPERMILL

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
    machine, repeats = results["machine"], results["settings"]["repeats"]
    return "\n".join(
        [
            "# Executing the clients' notebooks",
            "",
            "Made by `make bench-notebooks`; rebuilt from `notebooks.json` by "
            "`python tests/bench/notebook_speed.py --render`.",
            "",
            f"{results['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}; repeats: {repeats}, "
            "all ways in turn, each alone; medians, with the smallest and the largest repeat in parentheses.",
            "",
            *target_rows(TARGETS, _verdicts(results)),
            "",
            *_table(results),
            "",
            *_set_up(results["set_up"]),
            *_notes(results),
            "",
        ]
    )


def verdict_lines(results: dict[str, Any]) -> list[str]:
    """Each target in one line, for the terminal."""
    pairs = zip(TARGETS, _verdicts(results), strict=True)
    return [verdict_line(verdict) if verdict else f"not measured: {target.name}" for target, verdict in pairs]


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


def _set_up(seconds: dict[str, float]) -> list[str]:
    if not seconds:
        return []
    rows = ["| from an empty folder, `make run` | set up (s) | first notebook executed (s) |", "|---|---|---|"]
    for packages, how in (("cold", "every package downloaded"), ("warm", "every package in uv's and pip's caches")):
        rows.append(f"| {how} | {seconds[f'{packages}, set up']:.0f} | {seconds[f'{packages}, first notebook']:.0f} |")
    return [*rows, ""]


def _notes(results: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    shares = ", ".join(f"{name} {share:.2f} %" for name, share in results["helpers"].get("share", {}).items())
    return [
        "- The floor is the time on a core of the plain programs over the number of cores: the notebooks' code with "
        "neither kernel nor notebook, perfectly spread.",
        "- Time on a core counts every process of a way. Byte code is there for all; the runner has seen each notebook "
        "once, as it has from a team's second run on.",
        "- The runner starts one local endpoint; every other way starts one in each notebook, as the notebooks do.",
        "- nbmake has an environment without the plugins that the project's packages bring to pytest.",
        f"- helpers adds, over a notebook's wall time in `cookbook run`: {shares}. That is its functions' time on a "
        "core, and its imports once the client's own are loaded.",
        *(f"- {line}" for line in results["missing"]),
        f"- Versions: {versions}.",
    ]
