"""Showing the probability of each token of an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mistral_on_azure.notebook.figures import colours

# The lowest probability, the background and the colour of the text, in light and dark themes alike.
_SHADES = (
    (0.8, colours.ground, colours.ink),
    (0.6, colours.box, colours.ink),
    (0.4, colours.pale, colours.ink),
    (0.2, colours.strong, colours.ground),
    (0.0, colours.ink, colours.ground),
)
_BAR = 20  # width of a bar of 100 %, in characters


@dataclass(frozen=True, slots=True)
class LogprobsStrip:
    """An answer's tokens as text with probabilities, the less likely the darker; bars where HTML is not shown."""

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
    """A token on its shade with its probability, without a line break between them."""
    return (
        f'<span style="white-space: nowrap"><code{_shaded(probability)}>{_visible(token)}</code> '
        f"<small>{probability:.0%}</small></span>"
    )


def _shaded(probability: float) -> str:
    background, colour = next(shade for least, *shade in _SHADES if probability >= least)
    return f' style="background-color: {background}; color: {colour}; padding: 0.2em 0.4em"'


def _visible(token: str) -> str:
    """A token with its spaces and line breaks made visible."""
    return escape(token.replace(" ", "␣").replace("\n", "⏎"))
