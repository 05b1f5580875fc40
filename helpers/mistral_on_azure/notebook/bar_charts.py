"""Bars with parts, such as the outcomes of several ways to ask, as a figure whose text says the same."""

from __future__ import annotations

from collections.abc import Mapping

from mistral_on_azure.notebook.figures import ShownFigure, colours, show_figure

# Light and dark, and each with a hatch of its own, so that nothing rests on colour.
_STYLES = (
    (colours.strong, ""),
    (colours.sand, "//"),
    (colours.pale, ".."),
    (colours.ground, "xx"),
    (colours.box, "--"),
)
_WIDTH, _ROW, _AROUND = 6.6, 0.34, 1.45  # inches: the figure, a bar with its gap, all but the bars
Rows = Mapping[str, Mapping[str, float]]


def show_bars(
    rows: Rows,
    title: str,
    xlabel: str,
    labels: Mapping[str, str] | None = None,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    whisker: str = "interval",
) -> ShownFigure:
    """A horizontal bar for each row, the first on top, with its parts side by side.

    Where all bars are equally long, the axis ends with them.

    Args:
        rows: the parts of each row by name, as lengths in one unit; five different names at most.
        title: what the figure shows, and who made its numbers.
        xlabel: what is counted, with the unit.
        labels: what stands at the end of a row's bar, in place of its whole length.
        intervals: low and high end of a whisker under a row's bar, in the unit of the parts.
        whisker: what the intervals are, for the key.

    Raises:
        ValueError: when there is no row, or more names of parts than styles.
    """
    parts = list(dict.fromkeys(part for row in rows.values() for part in row))
    if not rows or not 1 <= len(parts) <= len(_STYLES):
        raise ValueError(f"Bars have one row or more, and 1 to {len(_STYLES)} kinds of parts, not {len(parts)}.")
    written = {name: f"{sum(row.values()):,.6g}" for name, row in rows.items()} | dict(labels or {})
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(
        {"font.size": 10, "text.color": colours.ink, "axes.labelcolor": colours.ink, "hatch.linewidth": 0.7}
    ):
        figure = Figure(figsize=(_WIDTH, _AROUND + _ROW * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, rows, parts)
        ends = {}
        for place, (name, row) in enumerate(rows.items()):
            ends[name] = sum(row.values())
            if interval := (intervals or {}).get(name):
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
        axes.spines[["top", "right"]].set_visible(False)
        if len(parts) > 1 or intervals:
            figure.legend(loc="outside lower center", ncols=3 if len(parts) > 4 else len(parts) + 1, frameon=False)
        return show_figure(figure, _in_words(rows, title, written, intervals or {}))


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
        label = "" if written[name] in parts else f" ({written[name]})"
        lines.append(f"{name}: {parts}{interval}{label}")
    return "\n".join((" ".join(title.split()), *lines))
