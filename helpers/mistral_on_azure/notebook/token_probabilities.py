"""Probabilities of tokens: those of an answer's tokens, and of the next token under a `temperature` and a `top_p`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from mistral_on_azure.notebook.figures import Colours, Drawing, colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The lowest probability, the background and the colour of the text, in light and dark themes alike.
_SHADES = (
    (0.8, colours.ground, colours.ink),
    (0.6, colours.box, colours.ink),
    (0.4, colours.pale, colours.ink),
    (0.2, colours.strong, colours.ground),
    (0.0, colours.ink, colours.ground),
)
_BAR = 20  # width of a bar of 100 %, in characters
_SHOWN = 6  # tokens with a bar of their own


class LogprobsStrip(NamedTuple):
    """An answer's tokens with their probabilities; less likely tokens are darker. Bars of text without HTML."""

    tokens: Sequence[tuple[str, float]]

    def __repr__(self) -> str:
        width = max(len(repr(token)) for token, _ in self.tokens)
        return "\n".join(
            f"{token!r:>{width}} {math.exp(logprob):4.0%} {'█' * round(_BAR * math.exp(logprob))}"
            for token, logprob in self.tokens
        )

    def _repr_html_(self) -> str:
        strip = " ".join(_marked(token, math.exp(logprob)) for token, logprob in self.tokens)
        return f'<p>Each token with its probability:</p><p style="line-height: 2.2">{strip}</p>'


def show_logprobs(tokens: Sequence[tuple[str, float]]) -> LogprobsStrip:
    """Show the probability of each token.

    Args:
        tokens: (text, natural logarithm of the probability) in the order of the answer, at least one.
    """
    return LogprobsStrip(tuple((token, float(logprob)) for token, logprob in tokens))


def _marked(token: str, probability: float) -> str:
    """A token on its shade with its probability, without a line break between them, and its own spaces made visible."""
    background, colour = next(shade for least, *shade in _SHADES if probability >= least)
    style = f"background-color: {background}; color: {colour}; padding: 0.2em 0.4em"
    visible = escape(token.replace(" ", "␣").replace("\n", "⏎"))
    return (
        f'<span style="white-space: nowrap"><code style="{style}">{visible}</code> '
        f"<small>{probability:.0%}</small></span>"
    )


class Share(NamedTuple):
    """The probability of a token, or of all tokens together that have no bar of their own.

    Attributes:
        name: the token, or the number of the other tokens.
        kept: the part of the probability that `top_p` keeps; before it cuts, all parts sum up to 1.
        cut: the part that `top_p` cuts off.
    """

    name: str
    kept: float
    cut: float


def shares(measured: Mapping[str, Any], temperature: float, top_p: float) -> list[Share]:
    """The probabilities of the next token at a temperature: the likeliest tokens first, all others as one.

    A temperature of T raises each probability to the power of 1/T, and scales all so that their sum is 1 again. `top_p`
    then keeps the smallest set of likeliest tokens whose probabilities reach it.

    Args:
        measured: the content of `next_token.json`, of which `likeliest` and `others` are read.
        temperature: above 0.
        top_p: above 0, at most 1.
    """
    weights = {token: probability ** (1 / temperature) for token, probability in measured["likeliest"]}
    rest = sum(count * math.exp(logprob / temperature) for logprob, count in measured["others"])
    whole, found, left = sum(weights.values()) + rest, [], top_p
    for token, weight in [*weights.items()][:_SHOWN]:
        share = weight / whole
        found.append(Share(token.strip() or "a space", share if left > 0 else 0.0, 0.0 if left > 0 else share))
        left -= share
    others = 1 - sum(share.kept + share.cut for share in found)
    count = len(weights) - _SHOWN + sum(count for _, count in measured["others"])
    kept = min(others, max(0.0, left))
    return [*found, Share(f"{count:,} others", kept, others - kept)]


@dataclass(frozen=True, repr=False)
class Sampling(Drawing):
    """The next token's probabilities at several temperatures, side by side.

    Attributes:
        measured: the content of `next_token.json`.
        temperatures: a column for each.
        top_p: the same for all columns.
    """

    measured: Mapping[str, Any]
    temperatures: tuple[float, ...]
    top_p: float

    size = (520, 300)

    @property
    def alt(self) -> str:
        said = []
        for temperature in self.temperatures:
            found = shares(self.measured, temperature, self.top_p)
            rows = ", ".join(f"{share.name} {share.kept + share.cut:.1%}" for share in found)
            whole = [share.name for share in found if share.kept and not share.cut]
            part = "; of the others a part" if found[-1].kept and found[-1].cut else ""
            said.append(
                f"At temperature {temperature:g}: {rows}. A top_p of {self.top_p:g} keeps {', '.join(whole)}{part}"
            )
        return f"{self._head} {'. '.join(said)}."

    @property
    def _head(self) -> str:
        about = self.measured
        return f"What comes after “{about['sentence']}”? By {about['model']}, measured on {about['date']}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw a column of bars for each temperature; what `top_p` cuts off is hatched."""
        figure.set_layout_engine("constrained")
        columns = figure.subplots(1, len(self.temperatures), sharey=True, squeeze=False)[0]
        for axes, temperature in zip(columns, self.temperatures, strict=True):
            _column(axes, shares(self.measured, temperature, self.top_p), colours)
            axes.set_title(f"temperature {temperature:g}", fontsize=9.5, fontweight="bold")
        figure.suptitle(self._head.replace("? ", "?\n"), x=0.02, ha="left", fontsize=10)
        labels = (f"top_p {self.top_p:g} keeps", f"top_p {self.top_p:g} cuts off")
        figure.legend(columns[0].containers, labels, loc="outside lower center", ncols=2, frameon=False)


def _column(axes: Axes, found: Sequence[Share], colours: Colours) -> None:
    kept, cut = [share.kept for share in found], [share.cut for share in found]
    places = range(len(found))
    axes.set_facecolor("none")
    axes.barh(places, kept, color=colours.strong, edgecolor=colours.strong, height=0.66)
    axes.barh(places, cut, left=kept, facecolor="none", edgecolor=colours.strong, hatch="////", height=0.66)
    for place, share in enumerate(found):
        part = share.kept + share.cut
        written = (f"{part:.0%}" if part >= 0.005 else "< 1%") + (" cut" if not share.kept else "")
        axes.annotate(written, (part, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(yticks=places, yticklabels=[share.name for share in found], ylim=(len(found) - 0.4, -0.6))
    axes.set(xlim=(0, 1.36), xticks=[])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def plot_sampling(measured: Mapping[str, Any], temperatures: Sequence[float], top_p: float) -> Sampling:
    """Plot how temperatures and a `top_p` change the next token's probabilities.

    Args:
        measured: what `kept("next token")` returns: the probabilities that a small real model gave.
        temperatures: one to four, each above 0.
        top_p: above 0, at most 1.

    Raises:
        ValueError: for a temperature or a `top_p` out of range.
    """
    if not 1 <= len(temperatures) <= 4 or min(temperatures) <= 0 or not 0 < top_p <= 1:
        raise ValueError("Give one to four temperatures above 0, and a top_p above 0 and at most 1.")
    return Sampling(measured, tuple(temperatures), top_p)
