"""Plotting how many parameters each deployment holds, and how many of them a token uses."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass
from html import escape

from helpers.deployments import Deployment, deployments

_COLOUR = "#1f5fa8"
_COLUMNS = 40  # width of the widest bar where pictures are not shown


@dataclass(frozen=True, slots=True)
class DeploymentPlot:
    """A bar for each deployment: its parameters, those that a token uses filled. Text where pictures are not shown."""

    deployments: tuple[Deployment, ...]

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
        """The picture in words."""
        said = "; ".join(f"{_short(each)} {_label(each)}" for each in self.deployments)
        return f"Bar chart of parameters in billions, all of them and those that a token uses: {said}."

    def _repr_html_(self) -> str:
        picture = b64encode(self.svg()).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{picture}">'

    def svg(self) -> bytes:
        """The picture as SVG, the same bytes each time."""
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.5, 0.9 + 0.45 * len(self.deployments)), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(self.deployments))
        totals = [each.parameters_total for each in self.deployments]
        whole = axes.barh(places, totals, color="white", edgecolor=_COLOUR, hatch="///", label="held in memory")
        active = [each.parameters_active for each in self.deployments]
        axes.barh(places, active, color=_COLOUR, edgecolor=_COLOUR, label="used for each token")
        axes.bar_label(whole, [_label(each) for each in self.deployments], padding=4, fontsize=9)
        axes.set_yticks(places, [_short(each) for each in self.deployments])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.25 * max(totals))
        axes.set_xlabel("parameters, in billions")
        axes.legend(loc="upper right", frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        drawn = io.BytesIO()
        with rc_context({"svg.hashsalt": "cookbook", "svg.fonttype": "none", "font.family": "sans-serif"}):
            FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None})
        return drawn.getvalue()


def plot_deployments() -> DeploymentPlot:
    """Plot the size of each deployment against what it uses."""
    return DeploymentPlot(tuple(deployments().values()))


def _short(deployment: Deployment) -> str:
    return deployment.name.removeprefix("mistralai-")


def _label(deployment: Deployment) -> str:
    if deployment.parameters_active == deployment.parameters_total:
        return f"{deployment.parameters_total:g}, all used"
    return f"{deployment.parameters_total:g}, {deployment.parameters_active:g} used"
