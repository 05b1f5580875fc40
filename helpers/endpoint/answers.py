"""Answers: what is said to a prompt, cut where the service would end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from helpers.endpoint.sampling import pick
from helpers.endpoint.script import candidates
from helpers.endpoint.tokens import Tokens, tokenize


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool. The arguments are JSON, as a string."""

    id: str
    name: str
    arguments: str

    @property
    def member(self) -> dict[str, Any]:
        """The call as it is sent, a member of `tool_calls`."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(slots=True, eq=False)
class Completion:
    """One answer, finished: its text, the tokens it took, why it ended, and the tools it calls instead of text.

    An answer that nothing cuts short is the same object each time: read it, never change it.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    finish_reason: str
    calls: tuple[Call, ...] = ()


def complete(system: str | None, prompt: str, parameters: dict[str, Any], index: int = 0) -> Completion:
    """Answer a prompt.

    Args:
        system: the system message, if there was one.
        prompt: the last user message.
        parameters: the request's validated parameters.
        index: which of `n` choices this is.
    """
    ranked = candidates(system, prompt)
    text = ranked[pick(ranked, prompt, parameters, index)] if len(ranked) > 1 else ranked[0]
    return cut(text, parameters.get("max_tokens"), parameters.get("stop"))


def cut(text: str, max_tokens: int | None, stop: str | Sequence[str] | None) -> Completion:
    """End an answer where the service would: at the first stop sequence or at max_tokens, whichever comes first.

    The tokens that spelled the stop sequence were generated, so they count; their text is not part of the answer.
    """
    whole = _whole(text)
    if not stop and (max_tokens is None or max_tokens > len(whole.ids)):
        return whole
    tokens = tokenize(text)
    length, end, reason = len(tokens.ids), len(text), "stop"
    stops = [stop] if isinstance(stop, str) else stop or ()
    found = [(text.find(word) + len(word), text.find(word)) for word in stops if word and word in text]
    if found:
        complete_at, end = min(found)
        length = next(i for i, size in enumerate(accumulate(map(len, tokens.pieces)), 1) if size >= complete_at)
    if max_tokens is not None and max_tokens <= length and not (found and max_tokens == length):
        length, reason = max_tokens, "length"
        end = min(end, sum(map(len, tokens.pieces[:length])))
    return _shorten(text, tokens, length, end, reason)


@lru_cache(maxsize=4096)
def _whole(text: str) -> Completion:
    """An answer that nothing cuts short."""
    tokens = tokenize(text)
    return Completion(text, tokens.ids, tokens.pieces, "stop")


def _shorten(text: str, tokens: Tokens, length: int, end: int, reason: str) -> Completion:
    """Keep `length` tokens and `end` characters of an answer."""
    if end == len(text):
        return Completion(text, tokens.ids, tokens.pieces, reason)
    pieces, room = [], end
    for piece in tokens.pieces[:length]:
        pieces.append(piece[:room])
        room = max(0, room - len(piece))
    return Completion(text[:end], tokens.ids[:length], tuple(pieces), reason)
