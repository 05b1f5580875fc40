"""The models in a notebook: the table of where each is offered, what it runs on and what it can do, and a time line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from mistral_on_azure.catalog.models import KINDS, OLD, Model, Part, as_of, models, parts, stale_names
from mistral_on_azure.catalog.models_command import catalog_name, every, runs_on, tokens_here
from mistral_on_azure.notebook.figures import LEFT, Colours, Drawing, table_in_html

GROUPS = {
    "open": "Open models, on managed compute",
    "sold today": "Sold today, per token",
    "retired": "Retired on Azure",
}
_LEFT, _FROM = date(2022, 10, 1), date(2023, 7, 1)  # the start of the time line, and of a row of unknown beginning
_HEADS = {"open": "open, on managed compute", "sold today": "sold today, per token", "retired": "retired on Azure"}
_OTHERS = "API, library, machines"


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The rows of the table, in groups, without the facts that all rows share.

    Rows that were not checked for 90 days are named above or below it.
    """

    rows: tuple[Model, ...]

    @property
    def labels(self) -> list[str]:
        """The facts that are shown: those in which rows differ, or all of a single row."""
        said = [facts(row) for row in self.rows]
        return [label for label in said[0] if len(said) == 1 or len({each[label] for each in said}) > 1]

    def __repr__(self) -> str:
        labels, blocks = self.labels, [f"As of {as_of()}; {stale_line()}"]
        width = max(map(len, labels))
        for row in self.rows:
            said = facts(row)
            name = f"{row.name}, {catalog_name(row)}" if catalog_name(row) else row.name
            blocks.append("\n".join((name, *(f"  {label:<{width}}  {said[label]}" for label in labels))))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        labels = self.labels
        body = []
        for group, title in GROUPS.items():
            rows = [row for row in self.rows if row.group == group]
            if rows:
                body.append(f'<tr><th colspan="{len(labels) + 1}"{LEFT}>{title}</th></tr>')
            body += [_table_row(row, labels) for row in rows]
        caption = f"Mistral's chat models on Azure, as of {as_of()}; {stale_line()}"
        return table_in_html(caption, ("Model", *labels), "".join(body), LEFT)


def facts(row: Model) -> dict[str, str]:
    """A model's facts as texts, by label. Where sources disagree, the text has what each of them says."""
    said = {kind: [fact.value for fact in getattr(row, kind)] for kind in KINDS}
    where = [kind for kind, values in said.items() if values[:1] == ["offered"]]
    where += [f"{kind} (documented)" for kind, values in said.items() if values[:1] == ["documented"]]
    where += [f"{kind} (disputed)" for kind, values in said.items() if "offered" in values[1:]]
    return {
        "Offered on": ", ".join(where) or "–",
        "Runs on": runs_on(row),
        "Context, in tokens": every(row.context),
        "Tools": every(row.tools),
        "JSON": every(row.json),
        "Tokens here": tokens_here(row),
        "On Azure": every(row.azure),
        "At Mistral AI": every(row.maker),
        "Next": every(row.successor),
    }


def _table_row(row: Model, labels: list[str]) -> str:
    said = facts(row)
    cells = "".join(f"<td{LEFT}>{escape(said[label])}</td>" for label in labels)
    also = f"<br>{escape(catalog_name(row))}" if catalog_name(row) else ""
    return f'<tr><th scope="row"{LEFT}>{escape(row.name)}{also}</th>{cells}</tr>'


def stale_line() -> str:
    """The names of the rows that were not checked for 90 days, in half a sentence."""
    old = stale_names()
    return f"{OLD}: {', '.join(old)}" if old else "every row was checked in the last 90 days"


def show_models(group: str = "") -> ModelTable:
    """Show the table of models.

    Args:
        group: "open", "sold today" or "retired" for those alone; empty for all.
    """
    return ModelTable(tuple(row for row in models().values() if group in ("", row.group)))


@dataclass(frozen=True, slots=True)
class Span:
    """One row of the time line.

    Attributes:
        group: the heading above it.
        begins: its first day; None where it was not looked up.
        ends: the day on which Azure ends it; several days where sources disagree, empty where no end is known.
        maker: the day on which Mistral's own API ended it.
    """

    name: str
    group: str
    begins: date | None
    ends: tuple[date, ...]
    maker: date | None = None

    @property
    def words(self) -> str:
        """The row in words."""
        said = [f"from {self.begins}" if self.begins else ""]
        said += [f"gone from Mistral's own API on {self.maker}" if self.maker else ""]
        ends = " or ".join(map(str, self.ends))
        said += [f"ended by Azure on {ends}" if ends else "still on Azure"]
        return f"{self.name}: {', '.join(filter(None, said))}"


def spans() -> list[Span]:
    """All rows of the time line: the groups in the order of the table, the rows of a group by their first days."""
    rows = [_of_model(model) for model in models().values()] + [_of_part(part) for part in parts().values()]
    groups = list(dict.fromkeys(row.group for row in rows))
    return sorted(rows, key=lambda row: (groups.index(row.group), row.begins or date.min))


def _of_model(model: Model) -> Span:
    maker = next((day for fact in model.maker if (day := fact.day)), None)
    ends = (model.retired,) if model.retired else ()
    return Span(model.name.removeprefix("mistralai-"), _HEADS[model.group], model.released[0].day, ends, maker)


def _of_part(part: Part) -> Span:
    begins = part.since[0].day if part.since else None
    return Span(part.name, _OTHERS, begins, tuple(fact.day for fact in part.ends if fact.day))


def _draw_row(axes: Any, row: Span, place: float, end: date, colours: Colours) -> None:
    begins, stops = row.begins or _FROM, max(row.ends, default=end)
    colour = colours.pale if row.ends else colours.strong
    style = {"color": colour, "linewidth": 5, "solid_capstyle": "butt"}
    axes.plot([begins, stops], [place, place], linestyle="-" if row.begins else (0, (1, 1)), **style)
    if row.begins:
        axes.plot([begins], [place], "o", color=colours.ink, markersize=6)
    for day in row.ends:
        axes.plot([day], [place], "X", color=colours.ink, markersize=7)
    if row.maker:
        axes.plot([row.maker], [place], "D", color=colours.ink, markersize=5)
    if not row.ends:
        axes.plot([end], [place], ">", color=colours.ink, markersize=6)
    axes.annotate(row.name, (begins, place), (-8, 0), textcoords="offset points", ha="right", va="center", size=9)


def _years() -> Any:
    from matplotlib.dates import YearLocator

    return YearLocator()


class TimeLine(Drawing):
    """The time line as a picture, or in words where pictures are not shown."""

    size = (720, 540)

    def __repr__(self) -> str:
        return "\n".join(row.words for row in spans())

    @property
    def alt(self) -> str:
        return f"Time line of models, API and library, as of {as_of()}. {'; '.join(row.words for row in spans())}."

    def draw(self, figure: Any, colours: Colours) -> None:
        """Draw a row for each model and part."""
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot(facecolor=colours.ground)
        end, place, last = as_of(), 0.0, ""
        for row in spans():
            if row.group != last:
                place += 0.9 if last else 0.2
                axes.text(_LEFT, place, row.group, weight="bold", va="center", size=9.5)
                last, place = row.group, place + 1
            _draw_row(axes, row, place, end, colours)
            place += 1
        axes.axvline(end, color=colours.ink, linewidth=0.8, linestyle=":")
        axes.text(end, place + 0.1, f" as of {end}", ha="right", va="center", size=9)
        axes.set(ylim=(place + 0.5, -0.4), xlim=(_LEFT, date(2027, 2, 1)), yticks=[])
        axes.xaxis.set_major_locator(_years())
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis="x", color=colours.ink, alpha=0.15)
        shapes = {"o": "published, or begun", "D": "gone from Mistral's own API", "X": "ended by Azure, as announced"}
        handles = [
            axes.plot([], [], marker=marker, color=colours.ink, linestyle="", markersize=6, label=label)[0]
            for marker, label in {**shapes, ">": "still on Azure"}.items()
        ]
        figure.legend(
            handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8, handletextpad=0.1
        )


def plot_models() -> TimeLine:
    """Plot since when each model is available, and when Mistral's own API and Azure end it."""
    return TimeLine()
