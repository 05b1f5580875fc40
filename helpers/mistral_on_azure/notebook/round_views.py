"""A picture of a tool call's rounds, drawn from the messages and the usage of a conversation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mistral_on_azure.notebook.figures import Colours, Drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _TOP, _LINE, _GAP = 500, 64, 15, 20  # pixels: the picture, its heads, a line of text, an arrow with its space
_PLACES = {"your function": 46, "your program": 142, "the model": 458}
_WORDS, _LINES = 46, 6  # characters of a line between your program and the model, and lines of one message
_CHARACTER = 5.8  # pixels


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of the picture: a message.

    Attributes:
        sender: one of the three names in the picture: "your function", "your program" or "the model".
        receiver: another of them.
        words: the lines above the arrow.
        note: the line below it; empty for none.
    """

    sender: str
    receiver: str
    words: tuple[str, ...]
    note: str = ""

    @property
    def height(self) -> int:
        """In pixels."""
        return _LINE * (len(self.words) + bool(self.note)) + _GAP


def steps(messages: Sequence[Mapping[str, Any]], usages: Sequence[tuple[int, int]]) -> list[Step]:
    """The arrows of a conversation, in order.

    Args:
        messages: all messages of the conversation, the model's included, in the form of the API.
        usages: the prompt tokens and the completion tokens of each round.
    """
    function, program, model = _PLACES
    found: list[Step] = []
    counted, sent, new, number = iter(usages), 0, 0, 0
    words: list[str] = []
    results = {each["tool_call_id"]: str(each["content"]) for each in messages if each["role"] == "tool"}
    for message in messages:
        if message["role"] != "assistant":
            words += _wrapped(f"{message['role']}: {message['content']}")
            sent, new = sent + 1, new + 1
            continue
        prompt, completion = next(counted)
        number += 1
        count = f"{sent} message{'s' * (sent > 1)}" + (f", the last {new}:" if new < sent else ":")
        found.append(Step(program, model, (f"Round {number}: tools, {count}", *words), f"{prompt} tokens"))
        calls, sent, new = message.get("tool_calls") or [], sent + 1, 0
        asked = [f"{call['function']['name']} {call['function']['arguments']}" for call in calls]
        words = [line for text in asked or [str(message.get("content") or "")] for line in _wrapped(text)]
        said = f"assistant, {len(calls)} call{'s' * (len(calls) > 1)}:" if calls else "assistant:"
        found.append(Step(model, program, (said, *words), f"{completion} tokens"))
        words = []
        for call in calls:
            if call["id"] in results:
                found.append(Step(program, function, (_arguments(call),)))
                found.append(Step(function, program, (results[call["id"]],)))
    return found


def _wrapped(text: str) -> list[str]:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, _WORDS)]
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], "…"]


def _arguments(call: Mapping[str, Any]) -> str:
    """The values of a call's arguments; the arguments as they came where they are not a JSON object."""
    text = call["function"]["arguments"]
    try:
        return ", ".join(map(str, json.loads(text).values()))
    except (ValueError, AttributeError):
        return text


@dataclass(frozen=True, repr=False)
class Rounds(Drawing):
    """A conversation with tool calls, as arrows between your function, your program and the model."""

    steps: tuple[Step, ...]

    @property
    def size(self) -> tuple[int, int]:
        return _WIDTH, _TOP + sum(step.height for step in self.steps) + 8

    def __repr__(self) -> str:
        return "\n".join(
            f"{step.sender} → {step.receiver}: {' '.join(step.words)}{f' ({step.note})' if step.note else ''}"
            for step in self.steps
        )

    @property
    def alt(self) -> str:
        return f"A tool call, message by message. {'. '.join(repr(self).splitlines())}."

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw three columns, and below each other the arrows between them."""
        axes = sheet(figure)
        bottom = self.size[1] - 6
        for name, place in _PLACES.items():
            axes.plot((place, place), (48, bottom), color=colours.pale, linewidth=1.2, zorder=0)
            box = {"boxstyle": "round,pad=0.5", "facecolor": colours.box, "edgecolor": colours.strong}
            axes.text(place, 26, name.replace(" ", "\n"), ha="center", va="center", weight="bold", bbox=box)
        top = float(_TOP)
        for step in self.steps:
            _arrow(axes, step, top, colours)
            top += step.height


def _arrow(axes: Axes, step: Step, top: float, colours: Colours) -> None:
    start, end = _PLACES[step.sender], _PLACES[step.receiver]
    place = top + _LINE * len(step.words) + 6
    style = {"arrowstyle": "-|>", "color": colours.strong, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    if step.sender != "your program":  # an answer or a result
        style["linestyle"] = (0, (4, 2))
    axes.annotate("", (end, place), (start, place), arrowprops=style)
    middle, room = (start + end) / 2, int(abs(end - start) / _CHARACTER)
    for number, line in enumerate(step.words):
        line = line if len(line) <= room else f"{line[: room - 1]}…"
        weight = "bold" if line.startswith("Round ") else "normal"
        axes.text(middle, top + _LINE * number, line, ha="center", va="top", size=9, weight=weight)
    if step.note:
        axes.text(middle, place + 3, step.note, ha="center", va="top", size=9, style="italic")


def plot_rounds(messages: Sequence[Mapping[str, Any]], usages: Sequence[Any]) -> Rounds | None:
    """Plot the rounds of a tool call: requests, calls, results and the answer.

    Args:
        messages: the whole conversation, as dictionaries in the form of the API.
        usages: of each round, an object with `prompt_tokens` and `completion_tokens`.

    Returns:
        The picture; None where there was no round because tools were refused.
    """
    if not usages:
        print("There was no round, so there is no picture.")
        return None
    return Rounds(tuple(steps(messages, [(each.prompt_tokens, each.completion_tokens) for each in usages])))
