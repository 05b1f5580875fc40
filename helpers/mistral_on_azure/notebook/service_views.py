"""Pictures of the service: the base URLs that follow from an address, and the layers of managed compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mistral_on_azure.azure.deployments import (
    DEPLOYMENT_KINDS,
    EITHER,
    FOUNDRY,
    MANAGED,
    SERVERLESS,
    DeploymentKind,
)
from mistral_on_azure.catalog.clients import Client, clients
from mistral_on_azure.notebook.figures import Colours, Drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROBE = "/v2"  # a path that no kind has: the status of the answer shows the kind
PROBED = {MANAGED.name: 424, SERVERLESS.name: 404}  # the status of the answer, by kind
_CHAT, _V1 = "/chat/completions", "/v1"
_OWN = "a host of your own"
_COLUMNS, _HALF = (86, 252, 418), 80  # pixels: the middles of the columns, and half a column's width
_LINE = 15  # pixels


def base_path(client: Client, kind: DeploymentKind) -> str:
    """The path of a client's base URL on a kind of deployment: its API's path without what the client appends."""
    path = kind.openai_path if client.routes[0].startswith(_V1) else kind.azure_path
    return f"{path}{_CHAT}".removesuffix(client.appends)


def base_urls(kind: DeploymentKind) -> dict[str, list[str]]:
    """The names of the clients, by the path of their base URL; the longest path comes last."""
    found: dict[str, list[str]] = {}
    for client in clients().values():
        found.setdefault(base_path(client, kind), []).append(client.name)
    return dict(sorted(found.items(), key=lambda pair: len(pair[0])))


class BaseUrls(Drawing):
    """A decision tree: how the address ends, which kind that is, and what each client's base URL is.

    For the first of a Foundry resource's host names both APIs are documented, for the others only /openai/v1.
    """

    size = (504, 443)

    def __repr__(self) -> str:
        lines = [f"The address ends with {' or '.join(kind.suffixes)}: {kind.words}" for kind in (MANAGED, FOUNDRY)]
        told = "; ".join(f"{status} means {DEPLOYMENT_KINDS[kind].words}" for kind, status in PROBED.items())
        lines.append(f"It ends with {', '.join(EITHER)}, or it is {_OWN}: call {PROBE}. {told}")
        for kind, kinds in ((SERVERLESS, f"{MANAGED.words} and {SERVERLESS.words}"), (FOUNDRY, FOUNDRY.words)):
            said = "; ".join(f"{_follows(path)} for {', '.join(names)}" for path, names in base_urls(kind).items())
            lines.append(f"Base URL, {kinds}: {said}")
        return "\n".join(lines)

    @property
    def alt(self) -> str:
        return f"From the address to the base URL. {'. '.join(repr(self).splitlines())}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw the tree from the top down."""
        axes, (left, middle, right) = sheet(figure), _COLUMNS
        _box(axes, middle, (10, 40), ["How does the address end?"], colours, half=106)
        endings = {left: MANAGED.suffixes[:1], middle: (*EITHER, _OWN), right: FOUNDRY.suffixes}
        kinds = {left: MANAGED, middle: SERVERLESS, right: FOUNDRY}
        for column in _COLUMNS:
            _join(axes, (middle, 40), (column, 72), colours)
            _box(axes, column, (72, 132), list(endings[column]), colours, answer=True)
            _join(axes, (column, 132 if column != middle else 188), (column, 236), colours)
            _box(axes, column, (236, 266), [kinds[column].words], colours)
            _join(axes, (column, 266), (column, 296), colours)
        _join(axes, (middle, 132), (middle, 158), colours)
        _box(axes, middle, (158, 188), [f"Status of {PROBE}?"], colours)
        _join(axes, (middle - 30, 188), (left + 56, 236), colours)
        for kind, place in ((MANAGED, (left + 80, 204)), (SERVERLESS, (middle + 18, 210))):
            axes.text(*place, str(PROBED[kind.name]), ha="center", va="center", size=9.5, weight="bold")
        _urls(axes, (left + middle) / 2, base_urls(SERVERLESS), colours, half=_HALF + (middle - left) / 2)
        _urls(axes, right, base_urls(FOUNDRY), colours, half=_HALF)


def _urls(axes: Axes, column: float, urls: Mapping[str, list[str]], colours: Colours, half: float) -> None:
    """A box with the base URLs, the path above the names of the clients that take it."""
    lines = [("Base URL:", "normal")]
    for path, names in urls.items():
        lines += [(_follows(path), "bold"), *((line, "normal") for line in _fitted(names, 2 * half))]
    _frame(axes, column, (296, 310 + _LINE * len(lines)), half, colours)
    for number, (line, weight) in enumerate(lines):
        axes.text(column, 311 + _LINE * number, line, ha="center", va="center", size=9, weight=weight)


def _fitted(names: list[str], width: float) -> list[str]:
    """The names in as few lines as the width in pixels allows."""
    lines: list[str] = []
    for name in names:
        if lines and 6.4 * len(f"{lines[-1]}, {name}") < width:
            lines[-1] += f", {name}"
        else:
            lines.append(name)
    return [f"{line}," if line is not lines[-1] else line for line in lines]


def _follows(path: str) -> str:
    return f"address + {path}" if path else "address alone"


def _box(
    axes: Axes,
    column: float,
    span: tuple[float, float],
    lines: list[str],
    colours: Colours,
    half: float = _HALF,
    answer: bool = False,
) -> None:
    """Lines of text in a frame: bold, or the answers to a question in a dashed frame."""
    _frame(axes, column, span, half, colours, line=(0, (3, 2)) if answer else "-")
    fits = min(8, 8 * 25 / max(map(len, lines)))  # the longest line must fit
    style = {"size": fits, "weight": "normal"} if answer else {"size": 9.5, "weight": "bold"}
    for number, line in enumerate(lines):
        place = sum(span) / 2 + _LINE * (number - (len(lines) - 1) / 2)
        axes.text(column, place, line, ha="center", va="center", **style)


def _frame(
    axes: Axes, column: float, span: tuple[float, float], half: float, colours: Colours, line: object = "-"
) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner, shape = (column - half, span[0]), "round,pad=0,rounding_size=6"
    size = 2 * half, span[1] - span[0]
    axes.add_patch(FancyBboxPatch(corner, *size, shape, fc=colours.box, ec=colours.strong, ls=line))


def _join(axes: Axes, start: tuple[float, float], end: tuple[float, float], colours: Colours) -> None:
    style = {"arrowstyle": "-|>", "color": colours.strong, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style, zorder=0)


def plot_base_urls() -> BaseUrls:
    """Plot the way from an address to the kind of deployment and to the base URL of each client."""
    return BaseUrls()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that a request passes.

    Attributes:
        role: what the layer does, in a few words.
        statuses: a line for each status that comes from this layer, with its cause.
    """

    name: str
    role: str
    statuses: tuple[str, ...]


LAYERS = (
    Layer("client", "your program", ("an SDK raises an exception", "curl and requests do not")),
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
    Layer("engine", "runs the model", ("400 the roles do not alternate", "400 the prompt is too long")),
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
        said = "; ".join(f"{layer.name} ({layer.role}): {', '.join(layer.statuses)}" for layer in self.layers)
        return f"The way of a request on managed compute, from layer to layer, and the statuses of each: {said}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw the layers from top to bottom."""
        axes = sheet(figure)
        room = (self.size[1] - 30) / sum(_height(layer) for layer in self.layers)
        top, below = 15.0, None
        for layer in self.layers:
            height = _height(layer) * room
            middle = top + height / 2 - 4
            _frame(axes, 95, (middle - 22, middle + 22), 75, colours)
            axes.text(95, middle - 7, layer.name, ha="center", va="center", size=11, weight="bold")
            axes.text(95, middle + 11, layer.role, ha="center", va="center", size=9)
            if below is not None:
                arrow = {"arrowstyle": "<->", "color": colours.strong}
                axes.annotate("", (95, middle - 22), (95, below), arrowprops=arrow, size=11)
            axes.text(190, middle, "\n".join(layer.statuses), va="center", size=11, linespacing=1.4)
            top, below = top + height, middle + 22


def _height(layer: Layer) -> float:
    """The height of a layer, in lines of text; a box with two lines needs three."""
    return max(3.2, len(layer.statuses) + 0.9)


def plot_layers() -> LayerPlot:
    """Plot the layers that a request passes on managed compute, and the statuses that arise in each."""
    return LayerPlot(LAYERS)
