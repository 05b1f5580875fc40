"""Shows a matplotlib figure with an alternative text, and a table; defines the style that all pictures share."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS = 100  # pixels of the page for an inch of the figure; it is drawn at twice the size for fine screens
_SHADES = 64  # colours of a PNG; most of them are for the edges of letters
_SHORTEST = 20  # characters of an alternative text
# An SVG has the same bytes each time, and its text stays text rather than outlines.
_LASTING = {"svg.hashsalt": "cookbook", "svg.fonttype": "none"}
_CHUNK = "svg"  # keyword of the PNG's text chunk that holds the drawing


class Colours(NamedTuple):
    """The colours of all pictures. Whatever a colour means, a marker, a hatch or a word means as well."""

    ground: str  # the background, the inside of hollow marks, and text on `strong` or `contrast`
    ink: str  # text, lines of axes, and the most important marks
    strong: str  # the main data
    pale: str  # less important data
    box: str  # boxes around text, and a whole of which a part is shown
    sand: str  # data that is lost, refused or reserved
    contrast: str  # data that is compared with `strong`
    grey: str  # reference data, and thin edges


# In a notebook a picture has a background of its own, since it cannot know whether the page is light or dark.
colours = Colours("#eef3fa", "#14202e", "#1f5fa8", "#a9c6e8", "#d5e4f6", "#f3d9a6", "#b3541e", "#6b7787")
THEMES = {  # of pages, whose background shows through
    "light": Colours("none", "#1f2328", "#1f5fa8", "#a9c6e8", "#e3edf9", "#f3d9a6", "#b3541e", "#6b7787"),
    "dark": Colours("none", "#e6edf3", "#7ab4f5", "#3b5f87", "#1c2d42", "#6b571b", "#f0a27a", "#9198a1"),
}
PAGES = {"light": "#ffffff", "dark": "#0f1419"}  # the background of the gallery's pages, as in its style sheet


class ShownFigure(NamedTuple):
    """A figure as a PNG inside HTML, since GitHub damages SVG in outputs; its alt text where pictures are not shown.

    Attributes:
        alt: the alternative text: what the picture shows, with its numbers.
        width: the picture's width on the page, in pixels.
        png: the picture's bytes.
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
        alt: the alternative text: what the figure shows, in at least 20 characters.

    Raises:
        ValueError: when the alternative text is shorter.
    """
    if len(alt) < _SHORTEST:
        raise ValueError(f"The alt text must say what the figure shows, in at least {_SHORTEST} characters.")
    for axes in figure.axes:
        axes.set_facecolor("none")  # the figure's background shows through
    return ShownFigure(alt, round(figure.get_figwidth() * _DOTS), _png(figure))


def axes_of(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of a size in inches, and axes in it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _png(figure: Figure) -> bytes:
    """A figure as a PNG with few colours, so that a notebook stays small.

    The PNG also contains the drawing as SVG, in a text chunk that viewers ignore, as the pictures of draw.io do.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    drawn = _saved(figure, colours.ground, format="png", metadata={"Software": None})
    drawing, small = PngInfo(), io.BytesIO()
    drawing.add_itxt(_CHUNK, _svg(figure).decode(), zip=True)
    with Image.open(io.BytesIO(drawn)) as picture:
        few = picture.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE)
        few.save(small, "png", optimize=True, pnginfo=drawing)
    return small.getvalue()


def _svg(figure: Figure) -> bytes:
    return _saved(figure, "none", format="svg", metadata={"Date": None})


def _saved(figure: Figure, ground: str, **saved: object) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    written = io.BytesIO()
    with rc_context(_LASTING):
        figure.savefig(written, dpi=2 * _DOTS, facecolor=ground, **saved)
    return written.getvalue()


def svg_in(png: bytes, theme: str) -> str | None:
    """The SVG in a notebook's picture, in the colours of a page; None where the picture has none.

    Args:
        png: the bytes from `ShownFigure` or `Drawing`.
        theme: the page's theme: "light" or "dark".
    """
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        svg = getattr(picture, "text", {}).get(_CHUNK)
    if svg is None:
        return None
    there = {**THEMES[theme]._asdict(), "ground": PAGES[theme]}
    turned = {paper: there[name] for name, paper in colours._asdict().items()}
    turned |= {"#000000": there["ink"], "#ffffff": there["ground"]}  # matplotlib's default colours,
    turned |= {"#b0b0b0": there["grey"], "#cccccc": there["grey"]}  # and those of a grid and a legend's frame
    svg = svg.replace("<svg ", f'<svg fill="{there["ink"]}" ', 1)  # for black text, whose colour the SVG does not state
    svg = svg.replace("*{", "text{white-space: pre} *{", 1)  # else spaces at the beginning of a text are lost
    return re.sub('(?<=: |=")#[0-9a-f]{6}(?![0-9a-f])', lambda found: turned.get(found[0], found[0]), svg)


class Drawing:
    """A picture that can be drawn in several colours: a PNG in a notebook, an SVG on a page of either theme, or text.

    A subclass draws it. The same drawing gives the same bytes each time.

    Attributes:
        alt: the picture in words.
        size: width and height in pixels of the page.
    """

    alt: str
    size: tuple[int, int]

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw into an empty figure of that size."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return ShownFigure(self.alt, self.size[0], self.png())._repr_html_()

    def png(self) -> bytes:
        """The picture for notebooks, at twice its size."""
        return self._written(colours, _png)

    def svg(self, theme: str) -> bytes:
        """The picture for a page.

        Args:
            theme: "light" or "dark".
        """
        return self._written(THEMES[theme], _svg)

    def _written(self, colours: Colours, write: Callable[[Figure], bytes]) -> bytes:
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        plain = {"text.parse_math": False}  # a dollar is a dollar
        settings = {"font.size": 10, "font.family": "sans-serif", **plain, **dict.fromkeys(inked, colours.ink)}
        with rc_context(settings):
            figure = Figure(figsize=[pixels / _DOTS for pixels in self.size])
            self.draw(figure, colours)
            return write(figure)


def sheet(figure: Figure) -> Axes:
    """Axes that fill a figure, with its pixels as coordinates from the top left, for boxes, arrows and text."""
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = (_DOTS * inches for inches in figure.get_size_inches())
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


LEFT = ' style="text-align: left; vertical-align: top"'  # for a cell of a table


def cells(texts: Iterable[str]) -> str:
    """Cells of a table's row, as HTML."""
    return "".join(f"<td{LEFT}>{escape(text)}</td>" for text in texts)


def table_in_html(caption: str, labels: Iterable[str], rows: str, style: str = "") -> str:
    """A table, whose `rows` are HTML already.

    Args:
        style: the style of the head's cells.
    """
    head = "".join(f'<th scope="col"{style}>{label}</th>' for label in labels)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


class Table(NamedTuple):
    """Texts in columns with a head each, and rows with a name each."""

    caption: str
    columns: Mapping[str, Mapping[str, str]]

    @property
    def rows(self) -> dict[str, tuple[str, ...]]:
        """The texts of each row, by its name; empty where a column has no text for it."""
        names = dict.fromkeys(name for column in self.columns.values() for name in column)
        return {name: tuple(column.get(name, "") for column in self.columns.values()) for name in names}

    def __repr__(self) -> str:
        lines = [("", *self.columns), *((name, *texts) for name, texts in self.rows.items())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ("  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)) for line in lines)
        return "\n".join((self.caption, *(line.rstrip() for line in padded)))

    def _repr_html_(self) -> str:
        body = (
            f'<tr><th scope="row"{LEFT}>{escape(name)}</th>{cells(texts)}</tr>' for name, texts in self.rows.items()
        )
        return table_in_html(escape(self.caption), ("", *map(escape, self.columns)), "".join(body), LEFT)


def show_table(caption: str, columns: Mapping[str, Mapping[str, str]]) -> Table:
    """Show texts in a table.

    Args:
        columns: the texts of each column by the names of their rows, by the columns' heads.
    """
    return Table(caption, columns)
