"""Printing what an answer holds: a stream as it arrives, and the tokens it used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "prompt": ("prompt_tokens", "input_tokens"),
    "completion": ("completion_tokens", "output_tokens"),
    "total": ("total_tokens",),
}


def print_stream(pieces: Iterable[str | None], mark: str = "") -> str:
    """Print the pieces of a streamed answer as they arrive.

    Args:
        pieces: the text of each chunk; None and empty text print nothing.
        mark: printed after each piece, to make the chunks visible.

    Returns:
        The whole text.
    """
    kept = []
    for piece in pieces:
        if piece:
            kept.append(piece)
            print(piece, end=mark, flush=True)
    print()
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; a small table in a notebook, a line elsewhere."""

    prompt: int
    completion: int
    total: int

    def __str__(self) -> str:
        return f"{self.prompt} prompt + {self.completion} completion = {self.total} tokens"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [("prompt", self.prompt), ("completion", self.completion), ("total", self.total)]
        head = "".join(f'<th scope="col">{name}</th>' for name, _ in cells)
        body = "".join(f"<td>{value}</td>" for _, value in cells)
        return f"<table><caption>Tokens</caption><thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table>"


def show_usage(usage: Any) -> Usage:
    """Read the usage of any client's answer.

    Args:
        usage: an object or mapping with prompt_tokens, completion_tokens and total_tokens, or LangChain's
            input_tokens, output_tokens and total_tokens.
    """
    return Usage(**{name: _read(usage, places) for name, places in _NAMES.items()})


def _read(usage: Any, places: tuple[str, ...]) -> int:
    for place in places:
        value = usage.get(place) if isinstance(usage, Mapping) else getattr(usage, place, None)
        if value is not None:
            return int(value)
    raise ValueError(f"No {places[0]} in {usage!r}.")
