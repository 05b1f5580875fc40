"""What each client costs, from the kept results of `make bench-clients`: charts and a table."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from helpers.gallery.charts import Bars, draw
from helpers.gallery.markdown import directive, table
from helpers.sections import CLIENTS

RESULTS = Path("tests") / "bench" / "results" / "clients.json"
FLOOR = "floor"
_FLOOR_NAME = "Python alone"
_CHARTS = {
    "start_cpu": "Seconds of work from start to first answer",
    "call_cpu": "Milliseconds of work for a completion",
    "memory": "Memory in MiB",
    "size": "Installed size in MiB",
}

Results = dict[str, Any]


def load(root: Path) -> Results:
    return json.loads((root / RESULTS).read_text(encoding="utf-8"))


def median(results: Results, client: str, measure: str) -> float | None:
    """The median of a client's repeats, None where it was not measured."""
    values = results["values"][client].get(measure)
    return statistics.median(values) if values else None


def charts(results: Results, into: Path) -> str:
    """The charts, drawn into a folder of the sources, as Markdown.

    Args:
        into: the folder with the sources; the charts get one of their own in it.
    """
    cards = []
    for measure, title in _CHARTS.items():
        bars = Bars(
            title,
            [(name, median(results, client, measure)) for client, name in CLIENTS.items()],
            _digits(results, measure),
        )
        images = []
        for theme in ("light", "dark"):
            path = into / "charts" / f"{measure}-{theme}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw(bars, theme))
            images.append(
                directive("image", "", f"charts/{path.name}", alt=bars.alt, class_=f"only-{theme} gallery-chart")
            )
        cards.append(directive("grid-item", "\n".join(images)))
    return directive("grid", "\n".join(cards), "1 1 2 2", gutter="3")


def cost_table(results: Results) -> str:
    """All measures, each as the median and the span of its repeats."""
    names = {FLOOR: _FLOOR_NAME, **CLIENTS}
    rows = [["Measure", *names.values()]]
    for measure, about in results["measures"].items():
        unit = f" ({about['unit']})" if about["unit"] else ""
        cells = [_cell(results["values"][client].get(measure), about["digits"]) for client in names]
        rows.append([f"{about['title']}{unit}", *cells])
    return table(rows, "right")


def how(results: Results) -> str:
    """How it was measured."""
    machine, settings = results["machine"], results["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"Measured on {results['date']} on {machine['cpu']}, {machine['cores']} cores, {machine['system']}, against "
        "the local endpoint: all clients in one go, in turn, each in a process of its own, "
        f"{settings['repeats']} repeats of {settings['calls']} calls. Medians, with the smallest and the largest "
        "repeat below. What was timed are the "
        "cells of the notebooks. *Work* is time of the processor, which hardly depends on what else the machine did. "
        f"*{_FLOOR_NAME}* is the same call with the standard library and nothing between: the floor. The endpoint "
        f"answers at once; a model takes its seconds, and next to them a millisecond is little. Versions: {versions}. "
        "`make bench-clients` measures all of it again."
    )


def _digits(results: Results, measure: str) -> int:
    return results["measures"][measure]["digits"]


def _cell(values: list[float] | None, digits: int) -> str:
    if not values:
        return "–"
    middle, low, high = (f"{pick(values):,.{digits}f}" for pick in (statistics.median, min, max))
    return middle if low == high else f"{middle}<br><small>{low} to {high}</small>"
