"""Sampling: which of the script's ranked texts is the completion, and where `max_tokens` or `stop` cuts it.

A language model samples token by token. Here the same arithmetic (temperature, top_p, penalties, logit bias and seed)
is applied to complete texts, so that each parameter has a visible effect. The same request always gets the same text.
"""

from __future__ import annotations

import hashlib
import json
import math
import string
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.api_errors import invalid, shown
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.conversation import calls_text
from mistral_on_azure.endpoint.models.messages import Conversation
from mistral_on_azure.endpoint.models.tokens import BLOCK, processor, size_of, tokenize, vocabulary_size

_LETTERS = string.ascii_letters + string.digits
_RANK_STEP = 0.6  # the difference of logits between a text and the next one in rank
_ADJUSTING = {"frequency_penalty", "presence_penalty", "logit_bias"}
_REPEAT_WEIGHT = 5.0  # the logit that a penalty of 1 subtracts from a text in which every token is a repetition


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
            logprobs: None: they are invented.
        """
        if finish_reason is None and logprobs is None:
            return self
        reason = self.finish_reason if finish_reason is None or self.finish_reason == "length" else finish_reason
        return replace(self, finish_reason=reason, logprobs=logprobs, choice=b"")


def pick(ranked: Sequence[str], prompt: str, parameters: dict[str, Any], index: int) -> int:
    """Sample one of the ranked texts.

    Args:
        ranked: the texts, the likeliest first.
        prompt: the last user message, on which the pseudo-random choice depends.
        parameters: the request's validated parameters.
        index: the index of the choice, from 0 to `n` - 1.

    Returns:
        The index of the text in `ranked`.
    """
    temperature = parameters.get("temperature") or 0.0
    if temperature == 0.0 and _ADJUSTING.isdisjoint(parameters):
        return 0
    logits = [-_RANK_STEP * rank + _adjustment(text, parameters) for rank, text in enumerate(ranked)]
    if temperature == 0.0:
        return max(range(len(ranked)), key=logits.__getitem__)
    nucleus = _nucleus(logits, temperature, parameters.get("top_p") or 1.0)
    uniform = _number(f"{parameters.get('seed') or 0}|{index}|{prompt}") / 2**64
    draw = uniform * sum(weight for _, weight in nucleus)
    for rank, weight in nucleus:
        draw -= weight
        if draw < 0:
            return rank
    return nucleus[-1][0]


def _adjustment(text: str, parameters: dict[str, Any]) -> float:
    """The sum of penalties and logit bias, which is added to the logit of a text."""
    frequency, presence = parameters.get("frequency_penalty") or 0.0, parameters.get("presence_penalty") or 0.0
    bias = parameters.get("logit_bias") or {}
    if not (frequency or presence or bias):
        return 0.0
    seen = Counter(whole(text).ids)
    repeats = sum(seen.values()) - len(seen)
    repeated = sum(1 for times in seen.values() if times > 1)
    penalty = frequency * repeats / seen.total() + presence * repeated / len(seen)
    return sum(bias.get(str(token), 0.0) for token in seen) - _REPEAT_WEIGHT * penalty


def _nucleus(logits: Sequence[float], temperature: float, top_p: float) -> list[tuple[int, float]]:
    """The smallest set of the likeliest texts whose probabilities reach top_p, as (rank, weight)."""
    highest = max(logits)
    weights = sorted(((math.exp((x - highest) / temperature), -i) for i, x in enumerate(logits)), reverse=True)
    total, reached, kept = sum(weight for weight, _ in weights), 0.0, []
    for weight, minus_rank in weights:
        kept.append((-minus_rank, weight))
        reached += weight / total
        if reached >= top_p:
            break
    return kept


def check_bias(biases: dict[str, float], deployment: Deployment) -> None:
    """Refuse token ids outside the vocabulary with vLLM's message; the vocabulary's size is unknown for some models.

    Raises:
        ApiError: 400.
    """
    size = None if deployment.estimated else vocabulary_size(deployment.counted_with)
    unknown = [token for token in map(int, biases) if token < 0 or (size is not None and token >= size)]
    if unknown:
        told = shown(unknown)
        known = "" if size is None else f" Vocabulary size: {size}"
        raise invalid(
            f"token_id(s) {told} in logit_bias contain out-of-vocab token ids.{known} "
            f"(parameter=logit_bias, value={told})",
            param="logit_bias",
        )


def _number(seed: str) -> int:
    """A pseudo-random number of 64 bits, the same for the same seed in every process."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())


def spoken(
    talk: Conversation, ranked: Sequence[str], parameters: dict[str, Any], index: int, tokenizer: str
) -> Completion:
    """Make a completion with one of the ranked texts: as a JSON object in JSON mode, as a continuation after a prefix.

    The tokens of a prefix do not count, as in Mistral's API.
    """
    text = ranked[pick(ranked, talk.prompt, parameters, index)] if len(ranked) > 1 else ranked[0]
    limit, stop, prefix = parameters.get("max_tokens"), parameters.get("stop"), talk.prefix
    if prefix:
        gap = "" if prefix[-1].isspace() else " "
        rest = text.removeprefix(prefix) if text.startswith(prefix) and text != prefix else gap + text
        generated = cut(rest, limit, stop, tokenizer)
        first, *others = generated.pieces
        return replace(generated, text=prefix + generated.text, pieces=(prefix + first, *others))
    if parameters.get("response_format", {}).get("type") == "json_object" and not is_object(text):
        text = json.dumps({"answer": text}, ensure_ascii=False)
    return cut(text, limit, stop, tokenizer)


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def cut(text: str, max_tokens: int | None, stop: str | Sequence[str] | None, tokenizer: str = "v3") -> Completion:
    """Make the completion of a text, which ends at the first stop sequence or after max_tokens, whichever comes first.

    The tokens of a stop sequence count as generated, but its text is not part of the completion.
    """
    found = whole(text, tokenizer, max_tokens)
    if not stop and (max_tokens is None or max_tokens > len(found.ids)):
        return found
    starts = [*accumulate(map(len, found.pieces), initial=0)]  # of the tokens in the text, and the end of the last one
    text = text[: starts[-1]]  # of a long text, only the beginning was split into tokens
    length, end, reason = len(found.ids), len(text), "stop"
    stops = [stop] if isinstance(stop, str) else stop or ()
    stopped = [(text.find(word) + len(word), text.find(word)) for word in stops if word and word in text]
    if stopped:
        complete_at, end = min(stopped)
        length = bisect_left(starts, complete_at)
    if max_tokens is not None and max_tokens <= length and not (stopped and max_tokens == length):
        length, reason = max_tokens, "length"
        end = min(end, starts[length])
    pieces = tuple(text[start : min(after, end)] for start, after in pairwise(starts[: length + 1]))
    return Completion(text[:end], found.ids[:length], pieces, reason)


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


def call_id(seed: str) -> str:
    """An id of nine letters and digits, the format of Mistral's models, derived from the seed."""
    number = _number(seed)
    return "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(9))


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
