"""Plotting the log probabilities of an answer's tokens."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_COLOUR = "#1f5fa8"


@dataclass(frozen=True, slots=True)
class LogprobsPlot:
    """A bar for each token, as tall as the token was likely. Text where pictures are not shown."""

    tokens: Sequence[tuple[str, float]]

    def __repr__(self) -> str:
        width = max(len(repr(token)) for token, _ in self.tokens)
        return "\n".join(
            f"{token!r:>{width}} {math.exp(logprob):4.0%} {'█' * round(20 * math.exp(logprob))}"
            for token, logprob in self.tokens
        )

    @property
    def alt(self) -> str:
        """The picture in words."""
        likely = max(self.tokens, key=lambda item: item[1])
        unlikely = min(self.tokens, key=lambda item: item[1])
        return (
            f"Bar chart of the probability of {len(self.tokens)} tokens, from {math.exp(unlikely[1]):.0%} "
            f"for {unlikely[0]!r} to {math.exp(likely[1]):.0%} for {likely[0]!r}."
        )

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.svg()).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{picture}">'

    def svg(self) -> bytes:
        """The picture as SVG, the same bytes each time."""
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=(max(4, 0.55 * len(self.tokens)), 2.6), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(self.tokens))
        heights = [math.exp(logprob) for _, logprob in self.tokens]
        bars = axes.bar(places, heights, color=_COLOUR)
        axes.bar_label(bars, [f"{height:.0%}" for height in heights], fontsize=8)
        labels = [token.replace(" ", "␣").replace("\n", "⏎").replace("$", r"\$") for token, _ in self.tokens]
        axes.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_ylim(0, 1.12)
        axes.set_ylabel("probability")
        axes.spines[["top", "right"]].set_visible(False)
        drawn = io.BytesIO()
        with rc_context({"svg.hashsalt": "cookbook", "svg.fonttype": "none", "font.family": "sans-serif"}):
            FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None})
        return drawn.getvalue()


def plot_logprobs(tokens: Sequence[tuple[str, float]]) -> LogprobsPlot:
    """Plot how sure the model was of each token.

    Args:
        tokens: (text, natural logarithm of the probability) in the order of the answer, at least one.
    """
    return LogprobsPlot(tuple((token, float(logprob)) for token, logprob in tokens))
