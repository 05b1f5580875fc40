"""Completions of the script: a text as a model would have generated it, cut to the token, or calls of tools."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.conversation import calls_text
from mistral_on_azure.endpoint.models.tokens import Tokens, processor, size_of, tokenize


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

    Attributes:
        choice: the first choice with this answer as it is written, once it was; `completions` keeps it here.
        logprobs: log probabilities that the script gives, of all tokens or of each one; None has them made up.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    finish_reason: str
    calls: tuple[Call, ...] = ()
    choice: bytes = b""
    logprobs: float | Sequence[float | TokenLogprob] | None = None

    def ended(self, finish_reason: str | None, logprobs: float | Sequence[float | TokenLogprob] | None) -> Completion:
        """The answer with what the script says of its end and its tokens. A limit that cut it short has the last word.

        Args:
            finish_reason: None leaves it as it is.
            logprobs: likewise.
        """
        if finish_reason is None and logprobs is None:
            return self
        reason = self.finish_reason if finish_reason is None or self.finish_reason == "length" else finish_reason
        return replace(self, finish_reason=reason, logprobs=logprobs, choice=b"")


def cut(text: str, max_tokens: int | None, stop: str | Sequence[str] | None, tokenizer: str = "v3") -> Completion:
    """End an answer where the service would: at the first stop sequence or at max_tokens, whichever comes first.

    The tokens that spelled the stop sequence were generated, so they count; their text is not part of the answer.
    """
    whole = _whole(text, tokenizer, max_tokens)
    if not stop and (max_tokens is None or max_tokens > len(whole.ids)):
        return whole
    tokens = Tokens(whole.ids, whole.pieces)
    text = text[: sum(map(len, tokens.pieces))]  # what follows it, in a long text, comes after the end
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


_wholes: BoundedCache[tuple[str, str], Completion] = BoundedCache(8_000_000)


def _whole(text: str, tokenizer: str, most: int | None) -> Completion:
    """An answer that nothing cuts short; of one with more tokens than `most`, perhaps only the beginning of them."""
    known = _wholes.get((text, tokenizer))
    if known is None:
        tokens = tokenize(text, tokenizer, most)
        known = Completion(text, tokens.ids, tokens.pieces, "stop")
        if most is not None and len(tokens.ids) > most:
            return known
        written = 6 * len(text)  # at most, once it is encoded
        _wholes.keep((text, tokenizer), known, size_of(text, len(tokens.ids)) + written)
    return known


def _shorten(text: str, tokens: Tokens, length: int, end: int, reason: str) -> Completion:
    """Keep `length` tokens and `end` characters of an answer."""
    if end == len(text):
        return Completion(text, tokens.ids, tokens.pieces, reason)
    pieces, room = [], end
    for piece in tokens.pieces[:length]:
        pieces.append(piece[:room])
        room = max(0, room - len(piece))
    return Completion(text[:end], tokens.ids[:length], tuple(pieces), reason)


def call_id(seed: str) -> str:
    """Nine letters and digits, as Mistral's ids have; the same for the same call of the same conversation."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    alphabet = string.ascii_letters + string.digits
    return "".join(alphabet[number // len(alphabet) ** place % len(alphabet)] for place in range(9))


def calling(
    called: Sequence[tuple[str, str]], seed: str, parameters: dict[str, Any], tokenizer: str = "v3"
) -> Completion:
    """Calls as the model writes them; where a limit cuts them short they stay text, for they are no calls yet.

    Args:
        called: name and arguments of each; the request may want no more than one.
        seed: what their ids are made from.
        tokenizer: what their tokens are counted with.
    """
    if parameters.get("parallel_tool_calls") is False:
        called = called[:1]
    calls = [Call(call_id(f"{seed}|{at}|{call}"), *call) for at, call in enumerate(called)]
    text = calls_text((call.name, call.arguments, call.id) for call in calls)
    limit = parameters.get("max_tokens")
    written = cut(text, limit and limit - 1, parameters.get("stop"), tokenizer)
    ids = (processor().piece_to_id("[TOOL_CALLS]"), *written.ids)
    if written.text == text:
        return Completion("", ids, (), "tool_calls", tuple(calls))
    return Completion(written.text, ids, ("", *written.pieces), written.finish_reason)
