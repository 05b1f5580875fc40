"""Log probabilities of the script's completions: those that the script has, else invented ones.

Invented values are well formed, and the same for the same token at the same place.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.models.script import Completion
from mistral_on_azure.endpoint.models.tokens import processor

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
