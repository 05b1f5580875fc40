"""Bar charts as SVG, drawn once for a light and once for a dark page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

_COLOURS = {"light": ("#1f5fa8", "#1f2328"), "dark": ("#7ab4f5", "#e6edf3")}  # of bars and of text


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


def draw(chart: Bars, theme: str) -> bytes:
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
