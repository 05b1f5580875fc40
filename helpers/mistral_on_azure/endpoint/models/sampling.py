"""Sampling: chooses one of the script's ranked texts by temperature, top_p, penalties, logit bias and seed.

A language model samples token by token. Here the same arithmetic is applied to complete texts, so that each parameter
has a visible effect. The same request always gets the same text.

The log probabilities of its tokens are those that the script has, else invented ones. Invented values are well formed,
and the same for the same token at the same place.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.models.script import Completion, whole
from mistral_on_azure.endpoint.models.tokens import processor

_RANK_STEP = 0.6  # the difference of logits between a text and the next one in rank
_ADJUSTING = {"frequency_penalty", "presence_penalty", "logit_bias"}
_REPEAT_WEIGHT = 5.0  # the logit that a penalty of 1 subtracts from a text in which every token is a repetition


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
    draw = _uniform(prompt, parameters.get("seed") or 0, index) * sum(weight for _, weight in nucleus)
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


def _uniform(prompt: str, seed: int, index: int) -> float:
    """A pseudo-random number in [0, 1), the same for the same arguments in every process."""
    digest = hashlib.blake2b(f"{seed}|{index}|{prompt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


_FIRST_WORD = 771  # token ids below are control tokens and single bytes
_WORDS = 20_000  # number of token ids, the most frequent ones, from which alternatives are drawn


def logprobs(completion: Completion, top: int) -> dict[str, Any]:
    """The `logprobs` member of a choice.

    Args:
        completion: the completion, which is text.
        top: the number of alternatives for each token, the token itself among them.
    """
    tokens = zip(completion.ids, completion.pieces, strict=True)
    given = completion.logprobs
    return {
        "content": [
            _entry(place, token, piece, top, _given(given, place)) for place, (token, piece) in enumerate(tokens)
        ]
    }


def _given(given: float | Sequence[float | TokenLogprob] | None, place: int) -> TokenLogprob | None:
    """The script's log probability of one token, or None."""
    if given is None or isinstance(given, float):
        return None if given is None else TokenLogprob(given)
    if place >= len(given):  # tokens that were added to the script's text, as in JSON mode
        return None
    one = given[place]
    return TokenLogprob(one) if isinstance(one, float) else one


def _entry(place: int, token: int, piece: str, top: int, given: TokenLogprob | None) -> dict[str, Any]:
    chosen, made_up = _distribution(place, token, max(0, top - 1))
    logprob, others = math.log(chosen), [(text, math.log(probability)) for text, probability in made_up]
    if given is not None:
        left = max(1 - math.exp(given.logprob), 1e-9) / max(1 - chosen, 1e-9)  # scales the invented alternatives
        others = [*given.top.items()] or [(text, min(other + math.log(left), 0.0)) for text, other in others]
        logprob = given.logprob
    entry = _token(piece, logprob)
    listed = [entry, *(_token(text, other) for text, other in others)][:top]
    return {**entry, "top_logprobs": sorted(listed, key=lambda item: -item["logprob"])}


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": round(logprob, 6), "bytes": list(text.encode())}


@lru_cache(maxsize=4096)
def _distribution(place: int, token: int, others: int) -> tuple[float, tuple[tuple[str, float], ...]]:
    digest = hashlib.blake2b(f"{place}|{token}".encode(), digest_size=32).digest()
    chosen = 0.35 + 0.6 * digest[0] / 255
    left, alternatives, seen = 0.98 - chosen, [], {token}
    for rank in range(others):
        other = _FIRST_WORD + int.from_bytes(digest[1 + rank % 15 : 4 + rank % 15]) * (rank + 1) % _WORDS
        while other in seen:
            other += 1
        seen.add(other)
        left /= 2
        alternatives.append((processor().id_to_piece(other).replace("▁", " "), max(left, 1e-9)))
    return chosen, tuple(alternatives)
