"""The time line of the models and of what they are called through, drawn from the table of models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from mistral_on_azure.catalog.models import Model, Part, as_of, models, parts
from mistral_on_azure.notebook.figures import Colours, Drawing

_LEFT, _FROM = date(2022, 10, 1), date(2023, 7, 1)  # of the picture, and of a row whose beginning nobody knows
_HEADS = {"open": "open, on managed compute", "sold today": "sold today, per token", "retired": "retired on Azure"}
_OTHERS = "API, library, machines"


@dataclass(frozen=True, slots=True)
class Span:
    """One row.

    Attributes:
        group: its heading.
        begins: None where nobody looked.
        ends: when Azure ends it; several where sources disagree, empty where nothing ends it.
        maker: when Mistral's own API ended it.
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
    """All rows, in the order of the table, those of a group by their beginnings."""
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


def _row(axes: Any, row: Span, place: float, end: date, colours: Colours) -> None:
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
        """The picture in words."""
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
            _row(axes, row, place, end, colours)
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
    """Plot since when each model is there, and when Mistral's own API and Azure end it."""
    return TimeLine()
