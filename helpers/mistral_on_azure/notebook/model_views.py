"""The models in a notebook: deployments with their parameters, and the table and time line of all models on Azure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TYPE_CHECKING

from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.catalog.models import KINDS, OLD, Model, Part, as_of, models, parts, stale_names
from mistral_on_azure.notebook.figures import LEFT, Colours, Drawing, cells, table_in_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUPS = {
    "open": "Open models, on managed compute",
    "sold today": "Sold today, per token",
    "retired": "Retired on Azure",
}
_HEADS = {"open": "open, on managed compute", "sold today": "sold today, per token", "retired": "retired on Azure"}
_LEFT, _FROM = date(2022, 10, 1), date(2023, 7, 1)  # the start of the time line, and of a row of unknown beginning
_COLUMNS = 40  # width of the widest bar where pictures are not shown


class DeploymentTable:
    """Two rows for each deployment: numbers, then texts. The table fits into half a window."""

    def __repr__(self) -> str:
        return "\n\n".join(_block(name, _facts(deployment)) for name, deployment in deployments().items())

    def _repr_html_(self) -> str:
        body = []
        for deployment in deployments().values():
            said = _facts(deployment)
            size = f"{said['Parameters']}, {said['Active for a token']} active"
            numbers = cells((size, said["Context"], said["Calls tools"]))
            below = ("Languages", "Architecture", "Mistral AI says")
            more = "<br>".join(f"{label}: {escape(said[label])}" for label in below)
            head, last, version = escape(deployment.name).rpartition("Instruct-")
            name = f'{head}<span style="white-space: nowrap">{last}{version}</span>'  # no line break inside its version
            body.append(f'<tr><th scope="row" rowspan="2"{LEFT}>{name}</th>{numbers}</tr>')
            body.append(f'<tr><td colspan="3"{LEFT}>{more}</td></tr>')
        labels = ("Deployment", "Parameters", "Context", "Tools")
        return table_in_html("The four deployments", labels, "".join(body), LEFT)


def show_deployments() -> DeploymentTable:
    """Show the facts of each deployment in a table."""
    return DeploymentTable()


def _facts(deployment: Deployment) -> dict[str, str]:
    dense = deployment.parameters_active == deployment.parameters_total
    return {
        "Architecture": deployment.architecture,
        "Parameters": f"{deployment.parameters_total:g} billion",
        "Active for a token": "all" if dense else f"{deployment.parameters_active:g} billion",
        "Context": f"{deployment.context:,} tokens",
        "Languages": ", ".join(deployment.languages),
        "Calls tools": "yes" if deployment.tools else "no",
        "Mistral AI says": deployment.claim,
    }


def _block(name: str, facts: dict[str, str]) -> str:
    """A name, and below it a line for each fact."""
    width = max(map(len, facts))
    return "\n".join((name, *(f"  {label:<{width}}  {text}" for label, text in facts.items())))


@dataclass(frozen=True, repr=False)
class DeploymentPlot(Drawing):
    """A bar for each deployment's parameters; those that a token uses are darker. Text where pictures are not shown."""

    deployments: tuple[Deployment, ...]
    size = (440, 310)

    def __repr__(self) -> str:
        longest = max(each.parameters_total for each in self.deployments)
        names = max(len(_short(each)) for each in self.deployments)
        lines = []
        for each in self.deployments:
            sizes = (each.parameters_total, each.parameters_active)
            total, active = (max(1, round(_COLUMNS * size / longest)) for size in sizes)
            lines.append(f"{_short(each):>{names}} {'█' * active}{'░' * (total - active)} {_label(each)}")
        return "\n".join(lines)

    @property
    def alt(self) -> str:
        said = "; ".join(f"{_short(each)} {_label(each)}" for each in self.deployments)
        return f"Bar chart of parameters in billions, all of them and those that a token uses: {said}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw a bar for each deployment, and on it a darker one for what a token uses."""
        figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.12)
        axes = figure.add_subplot(facecolor=colours.ground)
        places, style = range(len(self.deployments)), {"height": 0.42, "edgecolor": colours.strong}
        held = [each.parameters_total for each in self.deployments]
        used = [each.parameters_active for each in self.deployments]
        axes.barh(places, held, color=colours.pale, label="held in memory", **style)
        axes.barh(places, used, color=colours.strong, label="used for each token", **style)
        for place, each in zip(places, self.deployments, strict=True):
            axes.text(0, place - 0.31, f"{_short(each)}: {_label(each)}", va="bottom")
        axes.set(yticks=[], ylim=(len(self.deployments) - 0.7, -0.8), xlabel="parameters, in billions")
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)


def plot_deployments() -> DeploymentPlot:
    """Plot the parameters of each deployment, and those that each token uses."""
    return DeploymentPlot(tuple(deployments().values()))


def _short(deployment: Deployment) -> str:
    return deployment.name.removeprefix("mistralai-")


def _label(deployment: Deployment) -> str:
    if deployment.parameters_active == deployment.parameters_total:
        return f"{deployment.parameters_total:g}, all used"
    return f"{deployment.parameters_total:g}, {deployment.parameters_active:g} used"


@dataclass(frozen=True, slots=True)
class ModelTable:
    """Rows in groups, without the facts that all share. Those not checked for 90 days are named above or below."""

    rows: tuple[Model, ...]

    @property
    def labels(self) -> list[str]:
        """The facts that are shown: those in which rows differ, or all of a single row."""
        said = [facts(row) for row in self.rows]
        return [label for label in said[0] if len(said) == 1 or len({each[label] for each in said}) > 1]

    def __repr__(self) -> str:
        labels, blocks = self.labels, [f"As of {as_of()}; {_stale_line()}"]
        for row in self.rows:
            said = facts(row)
            blocks.append(_block(", ".join(_names(row)), {label: said[label] for label in labels}))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        labels, body = self.labels, []
        for group, title in GROUPS.items():
            rows = [row for row in self.rows if row.group == group]
            body += [f'<tr><th colspan="{len(labels) + 1}"{LEFT}>{title}</th></tr>'] if rows else []
            for row in rows:
                said = facts(row)
                name = "<br>".join(map(escape, _names(row)))
                body.append(f'<tr><th scope="row"{LEFT}>{name}</th>{cells(said[label] for label in labels)}</tr>')
        caption = f"Mistral's chat models on Azure, as of {as_of()}; {_stale_line()}"
        return table_in_html(caption, ("Model", *labels), "".join(body), LEFT)


def facts(row: Model) -> dict[str, str]:
    """A model's facts as texts, by label. Where sources disagree, the text has what each of them says."""
    from mistral_on_azure.catalog.models_command import every, runs_on, tokens_here  # rich takes a tenth of a second

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


def _names(row: Model) -> list[str]:
    """A model's name and, where it differs, that in Azure's catalog."""
    from mistral_on_azure.catalog.models_command import catalog_name

    return [*filter(None, (row.name, catalog_name(row)))]


def _stale_line() -> str:
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
        said = [f"from {self.begins}"] if self.begins else []
        said += [f"gone from Mistral's own API on {self.maker}"] if self.maker else []
        said += [f"ended by Azure on {' or '.join(map(str, self.ends))}" if self.ends else "still on Azure"]
        return f"{self.name}: {', '.join(said)}"


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
    return Span(part.name, "API, library, machines", begins, tuple(fact.day for fact in part.ends if fact.day))


def _draw_row(axes: Axes, row: Span, place: float, end: date, colours: Colours) -> None:
    begins, stops = row.begins or _FROM, max(row.ends, default=end)
    line, colour = "-" if row.begins else (0, (1, 1)), colours.pale if row.ends else colours.strong
    axes.plot([begins, stops], [place] * 2, linestyle=line, color=colour, linewidth=5, solid_capstyle="butt")
    marks = [(row.begins, "o", 6), *((day, "X", 7) for day in row.ends), (row.maker, "D", 5)]
    marks += [] if row.ends else [(end, ">", 6)]
    for day, marker, size in marks:
        if day:
            axes.plot([day], [place], marker, color=colours.ink, markersize=size)
    axes.annotate(row.name, (begins, place), (-8, 0), textcoords="offset points", ha="right", va="center", size=9)


class TimeLine(Drawing):
    """The time line as a picture, or in words where pictures are not shown."""

    size = (720, 540)

    def __repr__(self) -> str:
        return "\n".join(row.words for row in spans())

    @property
    def alt(self) -> str:
        return f"Time line of models, API and library, as of {as_of()}. {'; '.join(row.words for row in spans())}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw a row for each model and part."""
        from matplotlib.dates import YearLocator

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
        axes.xaxis.set_major_locator(YearLocator())
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis="x", color=colours.ink, alpha=0.15)
        shapes = {"o": "published, or begun", "D": "gone from Mistral's own API", "X": "ended by Azure, as announced"}
        for marker, label in {**shapes, ">": "still on Azure"}.items():
            axes.plot([], [], marker, color=colours.ink, markersize=6, label=label)
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8, handletextpad=0.1)


def plot_models() -> TimeLine:
    """Plot since when each model is available, and when Mistral's own API and Azure end it."""
    return TimeLine()
