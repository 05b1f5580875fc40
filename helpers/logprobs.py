"""Showing how sure the model was of each token of an answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

# Probabilities from here on get this background and this colour of text, whatever the theme.
_SHADES = (
    (0.8, "#eef3fa", "#000000"),
    (0.6, "#c6d9f0", "#000000"),
    (0.4, "#8fb4de", "#000000"),
    (0.2, "#2f6db5", "#ffffff"),
    (0.0, "#123f73", "#ffffff"),
)
_COLUMNS = 12  # tokens in a row
_BAR = 20  # width of a bar of 100 %, in characters


@dataclass(frozen=True, slots=True)
class LogprobsStrip:
    """An answer's tokens in a row, each with its probability, the darker the less likely. Bars of text elsewhere."""

    tokens: Sequence[tuple[str, float]]

    def __repr__(self) -> str:
        width = max(len(repr(token)) for token, _ in self.tokens)
        return "\n".join(
            f"{token!r:>{width}} {math.exp(logprob):4.0%} {'█' * round(_BAR * math.exp(logprob))}"
            for token, logprob in self.tokens
        )

    def _repr_html_(self) -> str:
        starts = range(0, len(self.tokens), _COLUMNS)
        rows = "".join(row for start in starts for row in _rows(self.tokens[start : start + _COLUMNS]))
        return f"<table><caption>Probability of each token</caption><tbody>{rows}</tbody></table>"


def show_logprobs(tokens: Sequence[tuple[str, float]]) -> LogprobsStrip:
    """Show how sure the model was of each token.

    Args:
        tokens: (text, natural logarithm of the probability) in the order of the answer, at least one.
    """
    return LogprobsStrip(tuple((token, float(logprob)) for token, logprob in tokens))


def _rows(tokens: Sequence[tuple[str, float]]) -> Iterator[str]:
    """A row of tokens, and under it the row of their probabilities."""
    texts = "".join(f"<td{_shaded(math.exp(logprob))}>{_visible(token)}</td>" for token, logprob in tokens)
    yield f'<tr><th scope="row">token</th>{texts}</tr>'
    shares = "".join(f"<td>{math.exp(logprob):.0%}</td>" for _, logprob in tokens)
    yield f'<tr><th scope="row">probability</th>{shares}</tr>'


def _shaded(probability: float) -> str:
    background, colour = next(shade for least, *shade in _SHADES if probability >= least)
    return f' style="background-color: {background}; color: {colour}"'


def _visible(token: str) -> str:
    """A token with its spaces and line breaks made visible."""
    return escape(token.replace(" ", "␣").replace("\n", "⏎"))
