"""Sampling: chooses one of the script's ranked texts by temperature, top_p, penalties, logit bias and seed.

A language model samples token by token. Here the same arithmetic is applied to complete texts, so that each parameter
has a visible effect. The same request always gets the same text.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mistral_on_azure.endpoint.models.tokens import tokenize

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
    seen = Counter(tokenize(text).ids)
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
