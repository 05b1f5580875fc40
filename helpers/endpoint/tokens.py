"""Tokens: a text split with the tokenizer file that ships inside mistral-common.

Reading that file with sentencepiece takes milliseconds where importing mistral-common takes seconds; a test holds
the two to the same tokens. All four deployments have the v3 tokenizer, which gives the documented exchange its
documented usage.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

_TOKENIZER = "data/mistral_instruct_tokenizer_240323.model.v3"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens: their ids, and the text that each one adds (empty while a character is incomplete)."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


@cache
def processor() -> Any:
    """The sentencepiece processor, loaded on first use."""
    import sentencepiece

    package = find_spec("mistral_common").submodule_search_locations[0]
    return sentencepiece.SentencePieceProcessor(model_file=str(Path(package) / _TOKENIZER))


@lru_cache(maxsize=4096)
def tokenize(text: str) -> Tokens:
    """Split a completion into tokens; the pieces joined are the text."""
    ids = tuple(processor().encode(text))
    decode = getincrementaldecoder("utf-8")().decode
    pieces = [decode(_vocabulary()[token]) for token in ids]
    if pieces:
        pieces[0] = pieces[0][1:]  # the space that sentencepiece puts before every text
    ends = (0, *accumulate(map(len, pieces)))
    return Tokens(ids, tuple(text[start:end] for start, end in pairwise(ends)))  # as written: a real ▁ is no space


@cache
def _vocabulary() -> tuple[bytes, ...]:
    """What each token spells. A token such as <0xE6> is one byte of a character the vocabulary lacks."""
    sp = processor()
    pieces = (sp.id_to_piece(token) for token in range(sp.get_piece_size()))
    return tuple(
        bytes([int(piece[3:5], 16)]) if sp.is_byte(token) else piece.replace("▁", " ").encode()
        for token, piece in enumerate(pieces)
    )
