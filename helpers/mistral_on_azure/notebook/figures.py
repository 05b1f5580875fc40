"""Showing a matplotlib figure with a text for those who cannot see it, and the one style of all pictures."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# For all pictures. The ground is their own, since a picture cannot know whether the page is light or dark.
GROUND, INK, BLUE, PALE, SAND = "#eef3fa", "#14202e", "#1f5fa8", "#a9c6e8", "#f3d9a6"
_BOX = "#d5e4f6"
_DOTS = 100  # pixels of the page for an inch of the figure; it is drawn at twice the size for fine screens
_SHADES = 64  # colours of a drawing's PNG, most of them of the edges of letters
_SHORTEST = 20  # characters of a text that says anything


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a drawing: its ground, its words, what counts, what counts less, and boxes around words."""

    ground: str
    ink: str
    strong: str
    pale: str
    box: str


PAPER = Colours(GROUND, INK, BLUE, PALE, _BOX)
THEMES = {  # of pages, whose ground shows through
    "light": Colours("none", "#1f2328", "#1f5fa8", "#a9c6e8", "#e3edf9"),
    "dark": Colours("none", "#e6edf3", "#7ab4f5", "#3b5f87", "#1c2d42"),
}


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure as a PNG inside HTML, since GitHub damages SVG in outputs; its alt text where pictures are not shown.

    Attributes:
        alt: the finding in words, with its figures.
        width: of the picture on the page, in pixels.
        png: the picture.
    """

    alt: str
    width: int
    png: bytes

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        picture = b64encode(self.png).decode()
        shown = f'width="{self.width}" style="max-width: 100%" src="data:image/png;base64,{picture}"'
        return f'<img alt="{escape(self.alt)}" {shown}>'


def show_figure(figure: Figure, alt: str) -> ShownFigure:
    """Show a figure in a notebook. The same figure gives the same bytes each time.

    Args:
        figure: made with `matplotlib.figure.Figure`; its size in inches, times 100, is its size in pixels.
        alt: what the figure shows, in words: at least 20 characters.

    Raises:
        ValueError: when the text says too little.
    """
    if len(alt) < _SHORTEST:
        raise ValueError(f"The alt text must say what the figure shows, in at least {_SHORTEST} characters.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=2 * _DOTS, facecolor=GROUND, metadata={"Software": None})
    return ShownFigure(alt, round(figure.get_figwidth() * _DOTS), drawn.getvalue())


class Drawing:
    """What is drawn in several colours: a PNG in a notebook, an SVG on a page of either theme, else its words.

    A subclass draws, and has the picture in words. The same drawing gives the same bytes each time.
    """

    @property
    def alt(self) -> str:
        """The picture in words."""
        raise NotImplementedError

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the page."""
        raise NotImplementedError

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw into an empty figure of that size."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return ShownFigure(self.alt, self.size[0], self.png())._repr_html_()

    def png(self) -> bytes:
        """The picture for notebooks, at twice its size, in a palette of few colours: a notebook's page stays small."""
        from PIL import Image

        drawn, small = self._drawn(PAPER, format="png", metadata={"Software": None}), io.BytesIO()
        with Image.open(io.BytesIO(drawn)) as picture:
            picture.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE).save(small, "png", optimize=True)
        return small.getvalue()

    def svg(self, theme: str) -> bytes:
        """The picture for a page.

        Args:
            theme: "light" or "dark".
        """
        return self._drawn(THEMES[theme], format="svg", metadata={"Date": None})

    def _drawn(self, colours: Colours, **saved: object) -> bytes:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        drawn = io.BytesIO()
        inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        lasting = {"svg.hashsalt": "cookbook", "svg.fonttype": "none", "font.family": "sans-serif"}
        plain = {"text.parse_math": False}  # a dollar is a dollar
        with rc_context({"font.size": 10, **plain, **dict.fromkeys(inked, colours.ink), **lasting}):
            width, height = self.size
            figure = Figure(figsize=(width / _DOTS, height / _DOTS), facecolor=colours.ground)
            self.draw(figure, colours)
            FigureCanvasAgg(figure)
            figure.savefig(drawn, dpi=2 * _DOTS, facecolor=colours.ground, **saved)
        return drawn.getvalue()


def sheet(figure: Figure) -> Axes:
    """Axes that fill a figure and count in its pixels from the top left, to draw boxes, arrows and words on."""
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = (_DOTS * inches for inches in figure.get_size_inches())
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes
