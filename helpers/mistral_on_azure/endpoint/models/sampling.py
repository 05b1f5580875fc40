"""Sampling: which of several ranked answers is taken.

A language model samples token by token. Here the candidates are whole answers; the same arithmetic is applied to them,
so that every parameter shows its effect and the same request always gets the same answer.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mistral_on_azure.endpoint.models.tokens import tokenize

_RANK_STEP = 0.6  # how much less likely each further candidate is, as a difference of logits
_ADJUSTING = {"frequency_penalty", "presence_penalty", "logit_bias"}
_REPEAT_WEIGHT = 5.0  # how strongly a penalty of 1 weighs on an answer that is nothing but repetition


def pick(ranked: Sequence[str], prompt: str, parameters: dict[str, Any], index: int) -> int:
    """Sample one of the ranked answers.

    Args:
        ranked: the answers, the likeliest first.
        prompt: what they answer.
        parameters: the request's validated parameters.
        index: which of `n` choices this is.

    Returns:
        its place among them.
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
    """What the penalties and the logit bias add to an answer's logit."""
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
    """The smallest set of most likely answers whose probabilities reach top_p, with their weights."""
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
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}|{index}|{prompt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
