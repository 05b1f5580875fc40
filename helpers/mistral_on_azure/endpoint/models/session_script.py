"""A session's script: exchanges of its own, which are asked before the files', and how far each sequence has come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from mistral_on_azure.catalog.script_format import Exchange
from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.models.script_entries import Entry, Found, Question, Source, Watch, WrongEntry, entry_of
from mistral_on_azure.endpoint.models.script_layers import Answers, Layer, unexpected

MOST = 1_000  # exchanges of one session
MOST_PATTERNS = 100  # of them; all of one request's have milliseconds
MOST_BYTES = 4_000_000  # of them, as JSON
MOST_REFUSED = 100  # messages of refusals that are kept


@dataclass(slots=True)
class _Progress:
    """How often an entry was used, and what its faults have seen, one for each reply."""

    used: int
    faults: list[Fault | None]


class SessionScript:
    """What one session adds to the script.

    Attributes:
        strict: whether an unknown prompt is refused; None leaves it to the endpoint.
        layer: the session's own entries, None without any; another object after each change.
        refused: the messages of the first 100 refusals of unexpected prompts.
        refused_ever: those of all sessions of the key, one after the other; again 100 at most.
    """

    def __init__(self) -> None:
        self.strict: bool | None = None
        self.layer: Layer | None = None
        self.refused: list[str] = []
        self.refused_ever: list[str] = []
        self._added = 0
        self._progress: WeakKeyDictionary[Entry, _Progress] = WeakKeyDictionary()
        self._lock = threading.Lock()  # large requests are worked out in a thread

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Those of its own, in the order in which they are asked."""
        return tuple(entry.exchange for entry in self.layer.entries) if self.layer else ()

    def add(self, wanted: Sequence[Exchange]) -> None:
        """Add exchanges before those that are there, and in the place of those that they make useless.

        These match by the same keys and values, and both call tools, or neither does. Of a call and a text for the
        same request the call stays first: the text is for the request with the tool's result.

        Raises:
            ApiError: 400 for a fault or log probabilities that cannot be, or for too many; nothing is added then.
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
            made = [entry_of(each, source, place) for place, each in enumerate(wanted, self._added)]
        except WrongEntry as error:
            raise invalid(str(error), code="invalid_field") from None
        calls = [each for each in kept if each.exchange.calls and (*_request_of(each.exchange)[:-1], False) in new]
        self.layer = Layer([*calls, *made, *(entry for entry in kept if entry not in calls)])
        self._added += len(made)

    def clear(self) -> None:
        """Forget the session's own exchanges, and begin all sequences anew, those of files among them."""
        with self._lock:
            self.layer, self._added = None, 0
            self._progress.clear()

    def find(self, answers: Answers, asked: Question) -> Found | None:
        """What a request is answered with; None where nothing is known and that is no mistake.

        Raises:
            ApiError: 400 for an unexpected prompt where the script is strict, or a pattern that takes too long.
        """
        watch = Watch()
        layers = answers.layers if self.layer is None else (self.layer, *answers.layers)
        for layer in layers:
            found = layer.find(asked, self._due, watch)
            if found is not None:
                return found
        if answers.unknown_prompt is None:
            error = unexpected(asked, [entry for layer in layers for entry in layer.entries], self._due)
            for refused in (self.refused, self.refused_ever):
                if len(refused) < MOST_REFUSED:
                    refused.append(error.message)
            raise error
        return answers.last().find(asked, self._due, watch) if answers.last else None

    def longest(self, answers: Answers) -> int:
        """Characters of the longest answer, roughly: some may be longer with their placeholders filled."""
        own = (self.layer,) if self.layer else ()
        return max((layer.longest for layer in (*own, *answers.layers)), default=0)

    def advance(self, found: Found) -> Fault | None:
        """Count that a reply was given, and return the fault that hits it, if one does."""
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
        """Which reply of an entry is the next one; the last one stays."""
        if not entry.staged:
            return 0
        progress = self._progress.get(entry)
        return min(progress.used, len(entry.replies) - 1) if progress else 0


def _request_of(wanted: Exchange) -> tuple[Any, ...]:
    """What an exchange matches, and whether it calls tools."""
    texts = (text and text.strip() for text in (wanted.prompt, wanted.system))
    return (*texts, wanted.pattern, wanted.last, wanted.deployment, wanted.tools, bool(wanted.calls))
