"""Printing a stream as its chunks arrive, and the usage of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "prompt": ("prompt_tokens", "input_tokens"),
    "completion": ("completion_tokens", "output_tokens"),
    "total": ("total_tokens",),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that has been read: a small table of its pace in a notebook, a line elsewhere.

    Attributes:
        text: the whole text.
        arrivals: seconds from the start of reading to each chunk with text.
    """

    text: str
    arrivals: tuple[float, ...]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {value}" for name, value in self._facts().items())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _table("Pace of the stream", self._facts())

    def _facts(self) -> dict[str, str]:
        count = len(self.arrivals)
        facts = {"chunks": str(count)}
        if count:
            facts["time to the first"] = f"{self.arrivals[0]:.2f} s"
        if count > 1 and self.arrivals[-1] > self.arrivals[0]:
            rate = (count - 1) / (self.arrivals[-1] - self.arrivals[0])
            facts["further chunks"] = f"{rate:.1f} a second"
        return facts


def print_stream(pieces: Iterable[str | None], mark: str = "") -> Stream:
    """Print the chunks of a streamed answer as they arrive.

    Args:
        pieces: the text of each chunk; None and empty texts are left out. With a generator that sends the request
            itself, the time to the first chunk includes the request.
        mark: printed after each chunk, to make the chunks visible.
    """
    kept, arrivals, started = [], [], time.perf_counter()
    for piece in pieces:
        if piece:
            arrivals.append(time.perf_counter() - started)
            kept.append(piece)
            print(piece, end=mark, flush=True)
    print()
    return Stream("".join(kept), tuple(arrivals))


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one answer: a small table in a notebook, a line elsewhere."""

    prompt: int
    completion: int
    total: int

    def __str__(self) -> str:
        return f"{self.prompt} prompt + {self.completion} completion = {self.total} tokens"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _table("Tokens", {"prompt": self.prompt, "completion": self.completion, "total": self.total})


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


def _table(caption: str, facts: Mapping[str, object]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in facts)
    body = "".join(f"<td>{value}</td>" for value in facts.values())
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table>"
