"""What each client costs, from measurements that the repository keeps: a table, and bar charts for both themes."""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.upkeep import measurements

FLOOR_NAME = "Python alone"
_FLOOR = "floor"  # the results of Python's standard library, beside those of the clients
_FILE = measurements.FOLDER / "clients.json"
_CHARTS = {
    "start_cpu": "Seconds of work from start to first answer",
    "call_cpu": "Milliseconds of work for a completion",
    "memory": "Memory in MiB",
    "size": "Installed size in MiB",
}
_COLOURS = {"light": ("#1f5fa8", "#1f2328"), "dark": ("#7ab4f5", "#e6edf3")}  # of bars and of text

Costs = dict[str, Any]


def load() -> Costs:
    """What was measured."""
    return json.loads(_FILE.read_text(encoding="utf-8"))


def median(costs: Costs, client: str, measure: str) -> float | None:
    """The median of a client's repeats, None where it was not measured."""
    values = costs["values"].get(client, {}).get(measure)
    return statistics.median(values) if values else None


def charts(costs: Costs, drawings: Path) -> list[dict[str, str]]:
    """The name and the words of each chart, which is drawn in the colours of both themes."""
    drawings.mkdir(parents=True, exist_ok=True)
    made = []
    for measure, title in _CHARTS.items():
        medians = {client.name: median(costs, key, measure) for key, client in clients().items()}
        bars = [(name, value) for name, value in medians.items() if value is not None]
        chart = Bars(title, bars, costs["measures"][measure]["digits"])
        for theme in ("light", "dark"):
            (drawings / f"{measure}-{theme}.svg").write_bytes(_drawn(chart, theme))
        made.append({"name": measure, "alt": chart.alt})
    return made


def cost_rows(costs: Costs) -> list[list[str]]:
    """All measures, each as the median and the span of its repeats."""
    rows = [["Measure", FLOOR_NAME, *(client.name for client in clients().values())]]
    for measure, about in costs["measures"].items():
        title = f"{about['title']} ({about['unit']})" if about["unit"] else about["title"]
        values = [costs["values"].get(key, {}).get(measure) for key in (_FLOOR, *clients())]
        rows.append([title, *(_span(each, about["digits"]) for each in values)])
    return rows


def _span(values: list[float] | None, digits: int) -> str:
    if not values:
        return "–"
    middle, low, high = (f"{pick(values):,.{digits}f}" for pick in (statistics.median, min, max))
    return middle if low == high else f"{middle}<br><small>{low} to {high}</small>"


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar for each name, longest is most.

    Attributes:
        digits: how many are shown after the point.
    """

    title: str
    bars: Sequence[tuple[str, float]]
    digits: int

    @property
    def alt(self) -> str:
        """The chart in words."""
        return f"{self.title}: {', '.join(f'{name} {value:.{self.digits}f}' for name, value in self.bars)}."


def _drawn(chart: Bars, theme: str) -> bytes:
    """A chart as SVG with a transparent ground, the same bytes each time.

    Args:
        theme: "light" or "dark".
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    bar, text = _COLOURS[theme]
    drawn = io.BytesIO()
    lasting = {"svg.hashsalt": "cookbook", "svg.fonttype": "none", "font.family": "sans-serif"}
    with rc_context({**lasting, "text.color": text, "figure.facecolor": "none", "axes.facecolor": "none"}):
        figure = Figure(figsize=(4.6, 2.6), layout="constrained")
        axes = figure.add_subplot()
        names, values = zip(*reversed(chart.bars), strict=True)
        shown = axes.barh(names, values, color=bar, height=0.62)
        axes.bar_label(shown, [f"{value:.{chart.digits}f}" for value in values], padding=4, color=text)
        figure.suptitle(chart.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes.margins(x=0.16)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, colors=text)
        axes.set_xticks([])
        FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None})
    return drawn.getvalue()
