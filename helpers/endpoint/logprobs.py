"""Log probabilities of a scripted answer's tokens: made up, but well formed and always the same.

The chosen token gets a probability that depends on the token and its place; the alternatives share part of what is
left, each half of the one before, so that no list ever sums to more than one.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import Any

from helpers.endpoint.answers import Completion
from helpers.endpoint.tokens import processor

_FIRST_WORD = 771  # below this the vocabulary holds control tokens and bare bytes
_WORDS = 20_000  # alternatives come from the most frequent words


def logprobs(completion: Completion, top: int) -> dict[str, Any]:
    """The `logprobs` member of a choice.

    Args:
        completion: the answer whose tokens are described.
        top: how many alternatives each token lists, the chosen one among them; 0 lists none.
    """
    tokens = zip(completion.ids, completion.pieces, strict=True)
    return {"content": [_entry(place, token, piece, top) for place, (token, piece) in enumerate(tokens)]}


def _entry(place: int, token: int, piece: str, top: int) -> dict[str, Any]:
    chosen, others = _distribution(place, token, max(0, top - 1))
    entry = _token(piece, chosen)
    listed = [entry, *(_token(text, probability) for text, probability in others)][:top]
    return {**entry, "top_logprobs": sorted(listed, key=lambda item: -item["logprob"])}


def _token(text: str, probability: float) -> dict[str, Any]:
    return {"token": text, "logprob": round(math.log(probability), 6), "bytes": list(text.encode())}


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
