"""The deployments side by side: a table, and a plot of how many parameters each holds and uses."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.notebook.figures import LEFT, Colours, Drawing, table_in_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class DeploymentTable:
    """Two rows for each deployment: numbers, then texts. The table fits into half a window."""

    deployments: tuple[Deployment, ...]

    def __repr__(self) -> str:
        blocks = []
        for deployment in self.deployments:
            rows = facts(deployment)
            width = max(map(len, rows))
            lines = (f"  {label:<{width}}  {value}" for label, value in rows.items())
            blocks.append("\n".join((deployment.name, *lines)))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        labels = ("Deployment", "Parameters", "Context", "Tools")
        return table_in_html("The four deployments", labels, "".join(map(_rows, self.deployments)), LEFT)


def show_deployments() -> DeploymentTable:
    """Show the facts of each deployment in a table."""
    return DeploymentTable(tuple(deployments().values()))


def facts(deployment: Deployment) -> dict[str, str]:
    """The facts of a deployment, by label."""
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


def _rows(deployment: Deployment) -> str:
    said = facts(deployment)
    size = f"{said['Parameters']}, {said['Active for a token']} active"
    cells = "".join(f"<td{LEFT}>{escape(value)}</td>" for value in (size, said["Context"], said["Calls tools"]))
    more = "<br>".join(f"{label}: {escape(said[label])}" for label in ("Languages", "Architecture", "Mistral AI says"))
    return (
        f'<tr><th scope="row" rowspan="2"{LEFT}>{_name(deployment)}</th>{cells}</tr>'
        f'<tr><td colspan="3"{LEFT}>{more}</td></tr>'
    )


def _name(deployment: Deployment) -> str:
    """The name as HTML, which may wrap in a narrow window, but not inside its version."""
    head, last, version = escape(deployment.name).rpartition("Instruct-")
    return f'{head}<span style="white-space: nowrap">{last}{version}</span>'


_COLUMNS = 40  # width of the widest bar where pictures are not shown


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
            total, active = (
                max(1, round(_COLUMNS * size / longest)) for size in (each.parameters_total, each.parameters_active)
            )
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
        places = range(len(self.deployments))
        for sizes, colour, label in (
            ([each.parameters_total for each in self.deployments], colours.pale, "held in memory"),
            ([each.parameters_active for each in self.deployments], colours.strong, "used for each token"),
        ):
            axes.barh(places, sizes, height=0.42, color=colour, edgecolor=colours.strong, label=label)
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
