"""Layers of a script: entries that are asked together, and the layers that are asked one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.models.script_entries import Entry, Found, Question, Watch

_COMPARED = 200  # characters of two prompts whose likeness is measured
_MEASURED = 500  # entries that a prompt is roughly compared with, and eight of them closely


class Layer:
    """Entries that are asked together: exact prompts first, then patterns; of several that fit, the most specific.

    Args:
        entries: in their order.
        instructed: whether an instruction on a line of its own above a prompt counts as the system message.
    """

    def __init__(self, entries: Sequence[Entry], instructed: bool = False) -> None:
        self.entries, self.instructed = tuple(entries), instructed
        self.longest = max((entry.length for entry in entries), default=0)  # characters of an answer
        ranked = sorted(entries, key=lambda entry: -entry.weight)
        self.exact: dict[str, list[Entry]] = {}
        for entry in ranked:
            if entry.exchange.prompt is not None:
                self.exact.setdefault(entry.exchange.prompt.strip(), []).append(entry)
        self.others = [entry for entry in ranked if entry.exchange.prompt is None]

    def find(self, asked: Question, due: Callable[[Entry], int], watch: Watch) -> Found | None:
        """The entry for a request, if there is one.

        Args:
            due: which of an entry's replies is the next one.

        Raises:
            ApiError: 400 for a pattern that takes too long.
        """
        prompt = asked.prompt.strip()
        found = self._first(self.exact.get(prompt, ()), asked, due, watch)
        if found is None and self.instructed and "\n" in prompt:
            instruction, _, rest = prompt.partition("\n")
            below = replace(asked, prompt=rest, system=instruction)
            found = self._first(self.exact.get(rest.strip(), ()), below, due, watch)
        return found or self._first(self.others, asked, due, watch)

    def _first(
        self, entries: Sequence[Entry], asked: Question, due: Callable[[Entry], int], watch: Watch
    ) -> Found | None:
        for entry in entries:
            reply = due(entry)
            groups = entry.match(asked, reply, watch)
            if groups is not None:
                return Found(entry, reply, groups)
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The layers that are asked one after the other, and what becomes of a prompt that none of them has.

    Attributes:
        unknown_prompt: the answer to a prompt that no layer has; None refuses it.
        filtered: texts that the content filter refuses.
        last: makes a layer that is only needed when no other has the prompt.
    """

    layers: tuple[Layer, ...]
    unknown_prompt: str | None
    filtered: tuple[str, ...] = ()
    last: Callable[[], Layer] | None = None


def unexpected(asked: Question, entries: Sequence[Entry], due: Callable[[Entry], int]) -> ApiError:
    """The refusal of a prompt that no entry is for, with the one that is nearest to it.

    The status is 400, which no client tries again. Managed compute wraps it in 424, which none tries again either.
    """
    said = f"The script has no answer to the prompt {_shown(asked.prompt)}"
    if not entries:
        return ApiError(400, "unexpected_prompt", f"{said}: the script is empty.", param="messages")
    nearest = _nearest(asked, entries)
    wanted = nearest.exchange
    try:
        checks = dict(nearest.checks(asked, due(nearest), Watch(), {}))
    except ApiError:  # its pattern takes too long
        checks = {}
    other = [_objection(name, wanted, asked) for name, fits in checks.items() if not fits]
    named = next((f": {_shown(text)}" for text in (wanted.prompt, wanted.pattern, wanted.last) if text), "")
    words = f"The nearest entry is in {nearest.where}{named}, which has {' and '.join(other)}"
    return ApiError(400, "unexpected_prompt", f"{said}. {words}.", param="messages")


_OBJECTIONS = {
    "prompt": "another prompt",
    "pattern": "a pattern that is not found in the prompt",
    "reply": "a reply that this request does not allow (calls without tools, or a text where a call is forced)",
}


def _objection(name: str, wanted: Exchange, asked: Question) -> str:
    """What does not fit, with what the entry wants and what the request has where the message has not named them."""
    if name in _OBJECTIONS:
        return _OBJECTIONS[name]
    if name == "tools":
        return f"tools = {str(wanted.tools).lower()} (the request has {'some' if asked.tools else 'none'})"
    wants, has = _shown(getattr(wanted, name)), _shown(getattr(asked, name) or "")
    if name == "last":
        return f"a pattern ({wants}) that is not found in the last message ({has})"
    return f"another {name} ({wants}, and the request has {has if getattr(asked, name) else 'none'})"


def _nearest(asked: Question, entries: Sequence[Entry]) -> Entry:
    """The entry whose prompt, or else pattern, is most like the request's."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(asked.prompt[:_COMPARED])

    def text(entry: Entry) -> str:
        wanted = entry.exchange
        return (wanted.prompt or wanted.pattern or wanted.last or wanted.system or "").strip()[:_COMPARED]

    def roughly(entry: Entry) -> float:
        matcher.set_seq1(text(entry))
        return matcher.quick_ratio()

    def closely(entry: Entry) -> tuple[float, bool]:
        matcher.set_seq1(text(entry))
        return matcher.ratio(), entry.exchange.system == asked.system

    return max(sorted(entries[:_MEASURED], key=roughly, reverse=True)[:8], key=closely)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:117]}...")
