"""Charts that several notebooks share: bars with parts, and scores with their intervals, costs and likeness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mistral_on_azure.notebook.figures import Colours, Drawing, ShownFigure, axes_of, colours, show_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# Each part has a hatch of its own, so that no reader has to tell colours apart.
_STYLES = (
    (colours.strong, ""),
    (colours.sand, "//"),
    (colours.pale, ".."),
    (colours.ground, "xx"),
    (colours.box, "--"),
)
_WIDTH, _ROW, _AROUND = 6.6, 0.34, 1.45  # inches: the figure's width, a bar with its gap, the height without bars
_FEW = 5  # the longest bar for which each number has a tick
Rows = Mapping[str, Mapping[str, float]]
_MARKERS = "osD^vPX*"
Interval = Callable[["np.ndarray"], Sequence[float]]


@dataclass(frozen=True, repr=False)
class Bars(Drawing):
    """A bar chart with one bar for each name.

    Attributes:
        digits: decimal places.
    """

    title: str
    bars: Sequence[tuple[str, float]]
    digits: int

    @property
    def size(self) -> tuple[int, int]:
        return max(460, 10 * len(self.title)), 68 + 32 * len(self.bars)

    @property
    def alt(self) -> str:
        return f"{self.title}: {', '.join(f'{name} {value:,.{self.digits}f}' for name, value in self.bars)}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw the bars, the first on top."""
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot(facecolor="none")
        names, values = zip(*reversed(self.bars), strict=True)
        shown = axes.barh(names, values, color=colours.strong, height=0.62)
        axes.bar_label(shown, [f"{value:,.{self.digits}f}" for value in values], padding=4)
        figure.suptitle(self.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes.margins(x=0.16)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks([])


def plot_bars(values: Mapping[str, float], label: str, digits: int) -> Bars:
    """Plot one bar for each name, with its value written beside it.

    Args:
        label: what is measured, with its unit.
        digits: decimal places.
    """
    return Bars(label, list(values.items()), digits)


def show_bars(
    rows: Rows,
    title: str,
    xlabel: str,
    labels: Mapping[str, str] | None = None,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    whisker: str = "interval",
) -> ShownFigure:
    """A horizontal bar for each row, the first on top, with its parts side by side.

    Where all bars are equally long, the axis ends where they end.

    Args:
        rows: the parts of each row by name, as lengths in one unit; five different names at most.
        title: what the figure shows, and where its numbers are from.
        xlabel: what is counted, with the unit.
        labels: the text at the end of a row's bar, instead of the bar's length.
        intervals: low and high end of a whisker under a row's bar, in the unit of the parts.
        whisker: what the intervals are, for the legend.

    Raises:
        ValueError: when there is no row, or more names of parts than styles.
    """
    parts = list(dict.fromkeys(part for row in rows.values() for part in row))
    if not rows or not 1 <= len(parts) <= len(_STYLES):
        raise ValueError(f"Bars have one row or more, and 1 to {len(_STYLES)} kinds of parts, not {len(parts)}.")
    intervals = intervals or {}
    written = {name: f"{sum(row.values()):,.6g}" for name, row in rows.items()} | dict(labels or {})
    from matplotlib import rc_context

    with rc_context(
        {"font.size": 10, "text.color": colours.ink, "axes.labelcolor": colours.ink, "hatch.linewidth": 0.7}
    ):
        figure, axes = axes_of(_WIDTH, _AROUND + _ROW * len(rows))
        _draw(axes, rows, parts)
        ends = {}
        for place, (name, row) in enumerate(rows.items()):
            ends[name] = sum(row.values())
            if interval := intervals.get(name):
                key = {} if len(axes.lines) else {"label": whisker}
                axes.plot(
                    interval, (place + 0.47,) * 2, color=colours.ink, marker="|", markersize=5, clip_on=False, **key
                )
                ends[name] = max(ends[name], interval[1])
            axes.annotate(written[name], (ends[name], place), (5, 0), textcoords="offset points", va="center")
        bottom = len(rows) - (0.25 if intervals else 0.4)
        axes.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(bottom, -0.6), xlabel=xlabel)
        axes.set_title(title, loc="left", fontsize=10)
        longest = max(ends.values())
        same = len(rows) > 1 and len(set(ends.values())) == 1
        # Labels of different bars need room on the axis; those of equal bars stand beside it.
        axes.set_xlim(0, longest if same else longest * (1.06 + 0.014 * max(map(len, written.values()))))
        if isinstance(longest, int) and longest <= _FEW:
            axes.set_xticks(range(longest + 1))  # what is counted has no halves
        axes.spines[["top", "right"]].set_visible(False)
        if len(parts) > 1 or intervals:
            figure.legend(loc="outside lower center", ncols=3 if len(parts) > 4 else len(parts) + 1, frameon=False)
        return show_figure(figure, _in_words(rows, title, written, intervals))


def _draw(axes: object, rows: Rows, parts: list[str]) -> None:
    left = [0.0] * len(rows)
    for part, (colour, hatch) in zip(parts, _STYLES, strict=False):
        lengths = [row.get(part, 0.0) for row in rows.values()]
        axes.barh(
            range(len(rows)),
            lengths,
            left=left,
            height=0.62,
            label=part,
            color=colour,
            edgecolor=colours.strong,
            hatch=hatch,
        )
        left = [start + length for start, length in zip(left, lengths, strict=True)]


def _in_words(rows: Rows, title: str, written: Mapping[str, str], intervals: Mapping[str, tuple[float, float]]) -> str:
    lines = []
    for name, row in rows.items():
        parts = ", ".join(f"{part} {length:,.6g}" for part, length in row.items() if length)
        interval = "; {:,.3g} to {:,.3g}".format(*intervals[name]) if name in intervals else ""
        more = written[name].removeprefix(f"{sum(row.values()):,.6g} ")
        if not parts:
            label = written[name]
        elif len(row) == 1 and more.startswith("("):  # `2 (both late)` would say the figure again
            label = f" {more}"
        else:
            label = "" if written[name] in parts else f" ({written[name]})"
        lines.append(f"{name}: {parts}{interval}{label}")
    return "\n".join((" ".join(title.split()), *lines))


def plot_scores(right: Mapping[str, np.ndarray], *intervals: tuple[str, Interval]) -> ShownFigure:
    """Plot the share of right answers of each candidate, with one line for each kind of interval.

    Args:
        right: for each candidate, whether each answer is right.
        intervals: names and functions; a function returns the two ends of an interval, as shares.
    """
    figure, axes = axes_of(6.4, 1.2 + 0.55 * len(right))
    said = []
    for row, (name, hits) in enumerate(right.items()):
        for place, (kind, interval) in enumerate(intervals):
            low, high = (100 * end for end in interval(hits))
            axes.plot([low, high], [row + 0.22 * place] * 2, "-:"[place % 2], color=colours.strong, lw=3)
            said.append(f"{name} {100 * hits.mean():.0f} %, {kind} {low:.0f} to {high:.0f} %")
        axes.plot(100 * hits.mean(), row, "o", color=colours.ink)
    axes.set(yticks=range(len(right)), yticklabels=right, ylim=(len(right) - 0.4, -0.6), xlabel="right answers, in %")
    figure.legend(axes.lines[: len(intervals)], [kind for kind, _ in intervals], loc="outside upper right", ncols=2)
    return show_figure(figure, f"Scores with 95 % intervals: {'; '.join(said)}.")


def plot_needed(gaps: Sequence[float], needed: Sequence[float], *counts: int) -> ShownFigure:
    """Plot how many questions a difference needs.

    Args:
        gaps: differences between two candidates, as shares, rising.
        needed: questions for each of them.
        counts: numbers of questions to mark.
    """
    figure, axes = axes_of(6.4, 3.2)
    points = [100 * gap for gap in gaps]
    axes.loglog(points, needed, color=colours.strong, lw=2)
    said = []
    for count, style in zip(counts, (":", "--", "-."), strict=False):
        axes.axhline(count, color=colours.ink, ls=style, lw=1)
        axes.text(points[-1], count * 1.08, f"{count:,} questions", color=colours.ink, ha="right")
        seen = next((f"{point:.0f} points" for point, size in zip(points, needed, strict=True) if size <= count), "")
        said.append(f"{count:,} show {seen or f'no difference below {points[-1]:.0f} points'}")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50) if points[0] <= tick <= points[-1]]
    axes.set_xticks(ticks, map(str, ticks))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.set(xlabel="difference between two candidates, in percentage points", ylabel="questions needed")
    return show_figure(figure, f"Questions needed to see a difference between two candidates: {'; '.join(said)}.")


def plot_trade(
    right: Mapping[str, np.ndarray],
    costs: Mapping[str, float],
    seconds: Mapping[str, Sequence[float]],
    interval: Interval,
    required: float,
) -> ShownFigure:
    """Plot accuracy over cost and, beside it, over the seconds of an answer.

    Args:
        right: for each candidate, whether each answer is right.
        costs: the cost of 1,000 questions, in the reader's currency.
        seconds: the seconds of one answer: the median and the 95th percentile.
        interval: returns the two ends of a score's interval, as shares.
        required: the share of right answers that is needed.
    """
    from matplotlib.figure import Figure

    columns = max(1, min(3, 64 // max(map(len, right))))
    figure = Figure(figsize=(6.8, 3.6 + 0.22 * (len(right) // columns)), layout="constrained")
    by_cost, by_wait = panels = figure.subplots(1, 2, sharey=True)
    said = []
    for place, (name, hits) in enumerate(right.items()):
        score, (low, high) = 100 * hits.mean(), (100 * end for end in interval(hits))
        usual, long = seconds[name]
        by_wait.plot(
            [usual, long], [score] * 2, color=colours.strong, lw=1.5, ls=":", marker="|", markevery=[1], ms=9, mew=1.5
        )
        for axes, at in ((by_cost, costs[name]), (by_wait, usual)):
            axes.plot([at] * 2, [low, high], color=colours.strong, lw=2)
            axes.plot(at, score, _MARKERS[place % len(_MARKERS)], color=colours.ink, ms=7, ls="", label=name)
        said.append(
            f"{name}: {score:.0f} % right, between {low:.0f} and {high:.0f} %, cost {costs[name]:.3f}, "
            f"{usual:.1f} s, 19 of 20 within {long:.1f} s"
        )
    for axes, furthest in ((by_cost, max(costs.values())), (by_wait, max(long for _, long in seconds.values()))):
        axes.axhline(100 * required, color=colours.contrast, ls="--", lw=1.5)
        axes.set(xlim=(-0.05 * furthest, 1.15 * furthest), ylim=(0, 105))  # a candidate may cost nothing
    by_cost.text(0, 100 * required - 2, f"  needed: {100 * required:.0f} %", va="top", color=colours.contrast)
    by_cost.set(xlabel="cost of 1,000 answers", ylabel="right answers, in %")
    by_wait.set(xlabel="seconds: median, to 95th percentile")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=columns)
    alt = f"Accuracy, cost of 1,000 answers and seconds of one; {100 * required:.0f} % needed. {'; '.join(said)}."
    return show_figure(figure, alt)


def plot_likeness(likeness: Mapping[str, tuple[Sequence[float], Sequence[float]]], at: float) -> ShownFigure:
    """Plot the similarity of pairs of texts, a row for each kind of pair.

    Args:
        likeness: for each kind, the similarities of the pairs by which the threshold was chosen, and of those by
            which it is tested.
        at: the threshold.
    """
    figure, axes = axes_of(6.8, 1.5 + 0.5 * len(likeness))
    said = []
    for row, (kind, lists) in enumerate(likeness.items()):
        for values, marker, place in zip(lists, "xo", (-0.16, 0.16), strict=True):
            colour = colours.strong if marker == "o" else colours.ink
            axes.plot(values, [row + place] * len(values), marker, color=colour, ms=7, mfc="none", mew=1.6)
        chosen, tried = (f"{sum(value >= at for value in values)} of {len(values)}" for values in lists)
        said.append(f"{kind}: {chosen} and {tried}")
    axes.axvline(at, color=colours.contrast, ls="--", lw=1.5)
    axes.text(
        at,
        -0.62,
        f"  threshold {at:.2f}: taken as the same from here →",
        va="bottom",
        color=colours.contrast,
        fontsize=9,
    )
    axes.set(yticks=range(len(likeness)), yticklabels=likeness, ylim=(len(likeness) - 0.5, -0.55))
    axes.set_xlabel("similarity (cosine)     × chose the threshold     ○ try it")
    return show_figure(
        figure,
        f"Similarity of pairs. At {at:.2f} or more, of the pairs that chose the threshold and of those that try it: "
        f"{'; '.join(said)}.",
    )
