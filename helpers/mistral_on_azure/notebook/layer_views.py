"""A picture of the layers that a request passes on managed compute, with the statuses that arise in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mistral_on_azure.notebook.figures import Colours, Drawing, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        role: what the layer does, in a few words.
        statuses: lines, each with a status that arises here and its cause.
    """

    name: str
    role: str
    statuses: tuple[str, ...]


LAYERS = (
    Layer("client", "your program", ("raises an exception for every status below",)),
    Layer(
        "gateway",
        "lets requests in",
        (
            "401 the key or token is wrong",
            "404 no deployment takes traffic",
            "408 the answer takes longer than the time limit",
            "429 too many requests at the same time",
            "424 around every status from below but 200",
        ),
    ),
    Layer(
        "container",
        "checks the request",
        (
            "404 there is no such path",
            "422 a field has the wrong type or range",
            "400 tools, JSON mode, extra parameters",
        ),
    ),
    Layer(
        "engine",
        "runs the model",
        (
            "400 the roles do not alternate",
            "400 the prompt is too long",
        ),
    ),
)


@dataclass(frozen=True, repr=False)
class LayerPlot(Drawing):
    """The layers from the client down to the engine. Text where pictures are not shown."""

    layers: tuple[Layer, ...]

    size = (600, 400)

    def __repr__(self) -> str:
        width = max(len(layer.name) for layer in self.layers)
        blocks = []
        for layer in self.layers:
            head = f"{layer.name:<{width}}  {layer.role}"
            blocks.append("\n".join((head, *(f"{'':<{width}}  - {line}" for line in layer.statuses))))
        return f"\n{'':<{width // 2}}↓\n".join(blocks)

    @property
    def alt(self) -> str:
        """The picture in words."""
        said = "; ".join(f"{layer.name} ({layer.role}): {', '.join(layer.statuses)}" for layer in self.layers)
        return f"The way of a request on managed compute, from layer to layer, and the statuses of each: {said}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw the layers from top to bottom."""
        from matplotlib.patches import FancyBboxPatch

        axes = sheet(figure)
        room = (self.size[1] - 30) / sum(_lines(layer) for layer in self.layers)
        top, below = 15.0, None
        for layer in self.layers:
            height = _lines(layer) * room
            middle = top + height / 2 - 4
            box = FancyBboxPatch((20, middle - 22), 150, 44, "round,pad=0,rounding_size=6")
            box.set(facecolor=colours.box, edgecolor=colours.strong)
            axes.add_patch(box)
            axes.text(95, middle - 7, layer.name, ha="center", va="center", size=11, weight="bold")
            axes.text(95, middle + 11, layer.role, ha="center", va="center", size=9)
            if below is not None:
                arrow = {"arrowstyle": "<->", "color": colours.strong}
                axes.annotate("", (95, middle - 22), (95, below), arrowprops=arrow, size=11)
            axes.text(190, middle, "\n".join(layer.statuses), va="center", size=11, linespacing=1.4)
            top, below = top + height, middle + 22


def _lines(layer: Layer) -> float:
    """The height of a layer, in lines of text; a box with two lines needs three."""
    return max(3.2, len(layer.statuses) + 0.9)


def plot_layers() -> LayerPlot:
    """Plot the layers that a request passes on managed compute, and the statuses that arise in each."""
    return LayerPlot(LAYERS)
