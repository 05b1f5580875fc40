"""Completions of the script: tool calls, or a text with its tokens, cut by `max_tokens` or `stop` as a model's is."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.conversation import calls_text
from mistral_on_azure.endpoint.models.tokens import BLOCK, processor, size_of, tokenize


class Completion(Struct, eq=False):
    """A completion: its text or its tool calls, its tokens, and its finish reason.

    Completions that are not cut are cached, so callers must not change them.

    Attributes:
        ids: the token ids.
        pieces: the text of each token; joined, they are the text. Empty for tool calls.
        calls: the items of `tool_calls`.
        choice: the JSON of the first choice with this completion; a cache of `completions`.
        logprobs: the script's log probabilities: one for all tokens, or one for each; None if they are to be invented.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    finish_reason: str
    calls: tuple[dict[str, Any], ...] = ()
    choice: bytes = b""
    logprobs: float | Sequence[float | TokenLogprob] | None = None

    def ended(self, finish_reason: str | None, logprobs: float | Sequence[float | TokenLogprob] | None) -> Completion:
        """The completion with the script's finish reason and log probabilities. The finish reason `length` stays.

        Args:
            finish_reason: None keeps the present one.
            logprobs: None has them invented.
        """
        if finish_reason is None and logprobs is None:
            return self
        reason = self.finish_reason if finish_reason is None or self.finish_reason == "length" else finish_reason
        return replace(self, finish_reason=reason, logprobs=logprobs, choice=b"")


def cut(text: str, max_tokens: int | None, stop: str | Sequence[str] | None, tokenizer: str = "v3") -> Completion:
    """Make the completion of a text, which ends at the first stop sequence or after max_tokens, whichever comes first.

    The tokens of a stop sequence count as generated, but its text is not part of the completion.
    """
    found = whole(text, tokenizer, max_tokens)
    if not stop and (max_tokens is None or max_tokens > len(found.ids)):
        return found
    text = text[: sum(map(len, found.pieces))]  # of a long text, only the beginning was split into tokens
    length, end, reason = len(found.ids), len(text), "stop"
    stops = [stop] if isinstance(stop, str) else stop or ()
    stopped = [(text.find(word) + len(word), text.find(word)) for word in stops if word and word in text]
    if stopped:
        complete_at, end = min(stopped)
        length = next(i for i, size in enumerate(accumulate(map(len, found.pieces)), 1) if size >= complete_at)
    if max_tokens is not None and max_tokens <= length and not (stopped and max_tokens == length):
        length, reason = max_tokens, "length"
        end = min(end, sum(map(len, found.pieces[:length])))
    return _shorten(text, found, length, end, reason)


_wholes: BoundedCache[tuple[str, str], Completion] = BoundedCache(8_000_000)


def whole(text: str, tokenizer: str = "v3", most: int | None = None) -> Completion:
    """The completion of a complete text; of a long text with more than `most` tokens, perhaps of its beginning only."""
    known = _wholes.get((text, tokenizer))
    if known is None:
        tokens = tokenize(text, tokenizer, most)
        known = Completion(text, tokens.ids, tokens.pieces, "stop")
        if most is None or len(tokens.ids) <= most or len(text) <= 2 * BLOCK:
            written = 6 * len(text)  # upper bound of the encoded JSON, with an escape for each character
            _wholes.keep((text, tokenizer), known, size_of(text, len(tokens.ids)) + written)
    return known


def _shorten(text: str, found: Completion, length: int, end: int, reason: str) -> Completion:
    """The completion of the first `end` characters of a text, with its first `length` tokens."""
    if end == len(text):
        return Completion(text, found.ids, found.pieces, reason)
    pieces, room = [], end
    for piece in found.pieces[:length]:
        pieces.append(piece[:room])
        room = max(0, room - len(piece))
    return Completion(text[:end], found.ids[:length], tuple(pieces), reason)


def call_id(seed: str) -> str:
    """An id of nine letters and digits, the format of Mistral's models, derived from the seed."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    alphabet = string.ascii_letters + string.digits
    return "".join(alphabet[number // len(alphabet) ** place % len(alphabet)] for place in range(9))


def calling(
    called: Sequence[tuple[str, str]], seed: str, parameters: dict[str, Any], tokenizer: str = "v3"
) -> Completion:
    """Make a completion with tool calls. If `max_tokens` or `stop` cuts their JSON, it is a completion of that text.

    Args:
        called: (name, arguments) of each call; with `parallel_tool_calls` false, only the first is made.
        seed: the text from which the calls' ids are derived.
        parameters: the request's validated parameters.
        tokenizer: the tokenizer that counts the tokens.
    """
    if parameters.get("parallel_tool_calls") is False:
        called = called[:1]
    calls = [(*call, call_id(f"{seed}|{at}|{call}")) for at, call in enumerate(called)]
    text = calls_text(calls)
    limit = parameters.get("max_tokens")
    written = cut(text, limit and limit - 1, parameters.get("stop"), tokenizer)
    ids = (processor().piece_to_id("[TOOL_CALLS]"), *written.ids)
    if written.text == text:
        members = (
            {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments, identifier in calls
        )
        return Completion("", ids, (), "tool_calls", tuple(members))
    return Completion(written.text, ids, ("", *written.pieces), written.finish_reason)
