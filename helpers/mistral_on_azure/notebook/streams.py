"""Prints a stream's chunks as they arrive, draws a stream beside a whole answer, and shows the usage of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mistral_on_azure.notebook.connecting import answers_are_scripted
from mistral_on_azure.notebook.figures import Colours, Drawing, table_in_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES = {  # the names of the counts in the clients' usage
    "prompt": ("prompt_tokens", "input_tokens"),
    "completion": ("completion_tokens", "output_tokens"),
    "total": ("total_tokens",),
}
IMITATED = "the local endpoint imitates the pace of a deployment"


class Stream(NamedTuple):
    """A stream that has been read: a small table of its pace in a notebook, a line elsewhere.

    Attributes:
        text: the whole text.
        arrivals: seconds from the start of reading to each chunk with text.
    """

    text: str
    arrivals: tuple[float, ...]

    def __repr__(self) -> str:
        return "; ".join(f"{name}: {value}" for name, value in self._facts().items())

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


@dataclass(frozen=True, repr=False)
class Arrivals(Drawing):
    """When an answer arrives, whole and as a stream.

    Attributes:
        whole: seconds from the request to the whole answer.
        chunks: seconds from the request to each chunk of the stream, rising, at least one.
        note: a remark on the pace; empty where a model answered.
    """

    whole: float
    chunks: tuple[float, ...]
    note: str = ""

    size = (520, 250)

    @property
    def alt(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return (
            f"The same answer on a time line{note}. Whole: nothing to read for {self.whole:.2f} s, then all of it. "
            f"Stream: the first of {len(self.chunks)} chunks after {self.chunks[0]:.2f} s, "
            f"the last after {self.chunks[-1]:.2f} s."
        )

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw two lanes on one time line, each as high as the part of the answer that has arrived."""
        figure.set_layout_engine("constrained")
        lanes = figure.subplots(2, 1, sharex=True)
        end = 1.12 * max(self.whole, self.chunks[-1])
        parts = [(place + 1) / len(self.chunks) for place in range(len(self.chunks))]
        _lane(lanes[0], (self.whole,), (1.0,), end, colours)
        _lane(lanes[1], self.chunks, parts, end, colours)
        lanes[0].set_title("whole answer", loc="left", fontsize=10, fontweight="bold")
        lanes[1].set_title(f"stream, {len(self.chunks)} chunks", loc="left", fontsize=10, fontweight="bold")
        first, last = self.chunks[0], self.chunks[-1]
        _say(lanes[0], self.whole, 0.5, f"nothing to read for {self.whole:.2f} s", colours)
        _say(lanes[1], first, 0.84, f"first words after {first:.2f} s", colours)
        if last > first:
            _say(lanes[1], last, 0.16, f"complete after {last:.2f} s", colours)
        note = f"\n({self.note})" if self.note else ""
        lanes[1].set_xlabel(f"seconds since the request{note}")


def _lane(axes: Axes, moments: Sequence[float], parts: Sequence[float], end: float, colours: Colours) -> None:
    """The part of the answer that has arrived, as an area under steps. The wait for the first part is hatched."""
    axes.set_facecolor("none")
    axes.fill_between((0, moments[0]), 0, 1, facecolor="none", edgecolor=colours.pale, hatch="///", linewidth=0)
    moments, parts = (0.0, *moments, end), (0.0, *parts, parts[-1])
    axes.fill_between(moments, 0, parts, step="post", color=colours.pale, linewidth=0)
    axes.step(moments, parts, where="post", color=colours.strong, linewidth=1.6)
    axes.set(xlim=(0, end), ylim=(0, 1.04), yticks=(0, 1), yticklabels=("nothing", "all"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=9, pad=6)


def _say(axes: Axes, moment: float, part: float, words: str, colours: Colours) -> None:
    """Write a text beside a moment, on the side with more room, in an opaque box."""
    box = {"facecolor": colours.box, "edgecolor": "none", "pad": 2}
    away, side = (-7, "right") if moment > sum(axes.get_xlim()) / 2 else (7, "left")
    axes.annotate(
        words, (moment, part), (away, 0), textcoords="offset points", ha=side, va="center", fontsize=9.5, bbox=box
    )


def plot_arrivals(whole: float, chunks: Sequence[float]) -> Arrivals:
    """Plot how much of an answer has arrived at each moment after the request, whole and as a stream.

    Args:
        whole: seconds from the request to the whole answer.
        chunks: seconds from the request to each chunk of the stream that has text, at least one.

    Raises:
        ValueError: when no chunk came.
    """
    if not chunks:
        raise ValueError("A stream without a chunk of text has no time line.")
    return Arrivals(whole, tuple(chunks), IMITATED if answers_are_scripted() else "")


class Usage(NamedTuple):
    """The tokens of one answer: a small table in a notebook, a line elsewhere."""

    prompt: int
    completion: int
    total: int

    def __repr__(self) -> str:
        return f"{self.prompt} prompt + {self.completion} completion = {self.total} tokens"

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
    return table_in_html(caption, facts, f"<tr>{''.join(f'<td>{value}</td>' for value in facts.values())}</tr>")
