"""Layers of a script: groups of entries that are searched one after the other, a session's own exchanges first.

`SessionScript` has a session's own exchanges, and the progress of each sequence of replies in this session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.models.script_entries import Entry, Found, Question, Source, Watch, WrongEntry

_COMPARED = 200  # characters of two prompts that are compared for the nearest entry
_MEASURED = 500  # entries that are compared roughly for the nearest one; the best eight are compared closely
MOST = 1_000  # exchanges of one session
MOST_PATTERNS = 100  # patterns of one session: all of them share 20 ms for a request
MOST_BYTES = 4_000_000  # bytes of JSON of all exchanges of one session
MOST_REFUSED = 100  # messages of refusals in a list


class Layer:
    """A group of entries: exact prompts match before patterns, and of several matches that with most keys is taken.

    Args:
        entries: the entries in their order, which decides between equal matches.
        instructed: whether the first line of a prompt may also match as the system message, the rest as the prompt.
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
        """The entry that matches a request, or None.

        Args:
            asked: the request.
            due: returns the index of an entry's next reply.
            watch: the time limit of patterns.

        Raises:
            ApiError: 400 for patterns that take too long.
        """
        prompt = asked.prompt.strip()
        exact = self.exact.get(prompt)
        found = self._first(exact, asked, due, watch) if exact else None
        if found is None and self.instructed and "\n" in prompt:
            instruction, _, rest = prompt.partition("\n")
            below = msgspec.structs.replace(asked, prompt=rest, system=instruction)
            found = self._first(self.exact.get(rest.strip(), ()), below, due, watch)
        return found or (self._first(self.others, asked, due, watch) if self.others else None)

    def _first(
        self, entries: Sequence[Entry], asked: Question, due: Callable[[Entry], int], watch: Watch
    ) -> Found | None:
        for entry in entries:
            if entry.system is not None and not entry.has_system(asked):
                continue  # the most frequent mismatch, so it is checked first
            if entry.plain and not asked.must_call:
                return Found(entry, 0)  # as most are
            reply = due(entry) if entry.staged else 0
            groups = entry.match(asked, reply, watch)
            if groups is not None:
                return Found(entry, reply, groups)
        return None


@dataclass(frozen=True, eq=False)
class Answers:
    """The layers that are searched one after the other, and the answer to a prompt that none of them has.

    Attributes:
        layers: the layers, without that of a session.
        unknown_prompt: the answer to a prompt that no layer has; None refuses it.
        filtered: texts that no prompt may contain.
        last: makes the last layer, which is read when no other has the prompt.
    """

    layers: tuple[Layer, ...]
    unknown_prompt: str | None
    filtered: tuple[str, ...] = ()
    last: Callable[[], Layer] | None = None

    @cached_property
    def longest(self) -> int:
        """Characters of the longest answer, before placeholders are filled."""
        return max((layer.longest for layer in self.layers), default=0)


def _unexpected(asked: Question, entries: Sequence[Entry], due: Callable[[Entry], int]) -> ApiError:
    """The error for a prompt that no entry matches, with the most similar entry and what differs.

    The status is 400, which no client retries. Managed compute wraps it in 424, which none retries either.
    """
    said = f"The script has no answer to the prompt {_shown(asked.prompt)}"
    if not entries:
        return ApiError(400, "unexpected_prompt", f"{said}: the script is empty.", param="messages")
    nearest = _nearest(asked, entries)
    wanted = nearest.exchange
    other = []
    try:
        for name, fits in nearest.checks(asked, due(nearest), Watch(), {}):
            other += [] if fits else [_objection(name, wanted, asked)]
    except ApiError:  # where another key did not match, the search left the pattern out
        other.append("a pattern that takes too long to search")
    named = next((f": {_shown(text)}" for text in (wanted.prompt, wanted.pattern, wanted.last) if text), "")
    words = f"The nearest entry is in {nearest.where}{named}, which has {' and '.join(other)}"
    return ApiError(400, "unexpected_prompt", f"{said}. {words}.", param="messages")


def _objection(name: str, wanted: Exchange, asked: Question) -> str:
    """A key that does not match: its value in the entry, and the request's value unless the message has it already."""
    match name:
        case "prompt":
            return "another prompt"
        case "pattern":
            return "a pattern that is not found in the prompt"
        case "reply":
            return "a reply that this request does not allow (calls without tools, or a text where a call is forced)"
        case "tools":
            return f"tools = {str(wanted.tools).lower()} (the request has {'some' if asked.tools else 'none'})"
        case "last":
            return f"a pattern ({_shown(wanted.last)}) that is not found in the last message ({_shown(asked.last)})"
    has = getattr(asked, name)
    return f"another {name} ({_shown(getattr(wanted, name))}, and the request has {_shown(has) if has else 'none'})"


def _nearest(asked: Question, entries: Sequence[Entry]) -> Entry:
    """The entry whose prompt or pattern is most similar to the request's prompt."""
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


@dataclass(slots=True)
class _Progress:
    """How many replies of an entry were sent, and a copy of the fault of each reply, which counts requests."""

    used: int
    faults: list[Fault | None]


class SessionScript:
    """The script of one session.

    Attributes:
        strict: whether unknown prompts are refused; None is the endpoint's default.
        layer: the session's own entries; None without any. Each change makes a new object.
        refused: the error messages for unexpected prompts, the first 100.
        refused_ever: the same over all sessions that this key has had, the first 100.
    """

    def __init__(self) -> None:
        self.strict: bool | None = None
        self.layer: Layer | None = None
        self.refused: list[str] = []
        self.refused_ever: list[str] = []
        self._added = 0
        self._progress: WeakKeyDictionary[Entry, _Progress] = WeakKeyDictionary()
        self._lock = threading.Lock()  # large requests are processed in the background thread

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The session's own exchanges, in the order in which they are searched."""
        return tuple(entry.exchange for entry in self.layer.entries) if self.layer else ()

    def add(self, wanted: Sequence[Exchange]) -> None:
        """Add exchanges before those of the session, and remove those that they replace.

        An exchange replaces another one with the same keys and values for matching, if both have tool calls or neither
        has. Of a tool call and a text for the same request, the tool call stays first: the text is for the request with
        the tool's result.

        Raises:
            ApiError: 400 for a wrong exchange, or for too many; nothing is added then.
        """
        new = {_request_of(exchange) for exchange in wanted}
        kept = [entry for entry in (self.layer.entries if self.layer else ()) if _request_of(entry.exchange) not in new]
        exchanges = [*wanted, *(entry.exchange for entry in kept)]
        if len(exchanges) > MOST or len(msgspec.json.encode(exchanges)) > MOST_BYTES:
            raise invalid(f"A session has at most {MOST:,} exchanges of {MOST_BYTES:,} bytes together.")
        if sum((each.pattern is not None) + (each.last is not None) for each in exchanges) > MOST_PATTERNS:
            raise invalid(f"A session has at most {MOST_PATTERNS} patterns; exact prompts are not counted.")
        source = Source("this session's script")
        try:
            made = [Entry(each, source, place) for place, each in enumerate(wanted, self._added)]
        except WrongEntry as error:
            raise invalid(str(error), code="invalid_field") from None
        calls = [each for each in kept if each.exchange.calls and (*_request_of(each.exchange)[:-1], False) in new]
        self.layer = Layer([*calls, *made, *(entry for entry in kept if entry not in calls)])
        self._added += len(made)

    def clear(self) -> None:
        """Remove the session's own exchanges, and restart all sequences of replies, also those of files."""
        with self._lock:
            self.layer, self._added = None, 0
            self._progress.clear()

    def find(self, answers: Answers, asked: Question) -> Found | None:
        """The entry that matches a request; None if there is none and the script is not strict.

        Raises:
            ApiError: 400 for an unexpected prompt where the script is strict, or for patterns that take too long.
        """
        watch = Watch()
        layers = answers.layers if self.layer is None else (self.layer, *answers.layers)
        for layer in layers:
            found = layer.find(asked, self._due, watch)
            if found is not None:
                return found
        if answers.unknown_prompt is None:
            error = _unexpected(asked, [entry for layer in layers for entry in layer.entries], self._due)
            for refused in (self.refused, self.refused_ever):
                if len(refused) < MOST_REFUSED:
                    refused.append(error.message)
            raise error
        return answers.last().find(asked, self._due, watch) if answers.last else None

    def longest(self, answers: Answers) -> int:
        """Characters of the longest answer, before placeholders are filled."""
        return answers.longest if self.layer is None else max(self.layer.longest, answers.longest)

    def advance(self, found: Found) -> Fault | None:
        """Count that a reply is sent, and return the fault that hits it, if one does."""
        if not found.entry.staged:
            return None
        with self._lock:
            progress = self._progress.get(found.entry)
            if progress is None:
                faults = [msgspec.structs.replace(each.fault) if each.fault else None for each in found.entry.replies]
                progress = self._progress[found.entry] = _Progress(0, faults)
            progress.used += 1
            fault = progress.faults[found.reply]
            return fault if fault is not None and fault.hits() else None

    def _due(self, entry: Entry) -> int:
        """The index of an entry's next reply. The last reply is repeated."""
        progress = self._progress.get(entry)  # none of an entry that is not staged
        return min(progress.used, len(entry.replies) - 1) if progress else 0


def _request_of(wanted: Exchange) -> tuple[Any, ...]:
    """The keys by which an exchange matches, and whether it has tool calls."""
    texts = (text and text.strip() for text in (wanted.prompt, wanted.system))
    return (*texts, wanted.pattern, wanted.last, wanted.deployment, wanted.tools, bool(wanted.calls))
