"""Showing a matplotlib figure with a text for those who cannot see it."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# For all pictures. The ground is their own, since a picture cannot know whether the page is light or dark.
GROUND, INK, BLUE, PALE, SAND = "#eef3fa", "#14202e", "#1f5fa8", "#a9c6e8", "#f3d9a6"
_DOTS = 100  # pixels of the page for an inch of the figure; it is drawn at twice the size for fine screens
_SHORTEST = 20  # characters of a text that says anything


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
