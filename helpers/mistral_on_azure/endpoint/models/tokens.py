"""Tokens: a text split with the tokenizer file that ships inside mistral-common.

Reading that file with sentencepiece takes milliseconds where importing mistral-common takes seconds; a test holds
the two to the same tokens. All four deployments have the v3 tokenizer, which gives the documented exchange its
documented usage.

Counting tokens: exact, and fast for texts never seen before.

Byte-pair encoding merges neighbours into longer tokens, and every token is in the vocabulary. Two characters that no
token has side by side can therefore never end up in one, and a text falls apart between them without a difference to
its tokens. In Mistral's vocabulary that is so in front of spaces and on both sides of digits and line breaks. So a text
is counted word by word, and a word that was met before costs one look into a table. Tests hold the counts to
mistral-common's, and the rule to the vocabulary.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

_FILES = {"v1": "tokenizer.model.v1", "v3": "mistral_instruct_tokenizer_240323.model.v3"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens: their ids, and the text that each one adds (empty while a character is incomplete)."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


@cache
def processor(tokenizer: str = "v3") -> Any:
    """The sentencepiece processor of a tokenizer, v1 or v3, loaded on first use."""
    import sentencepiece

    package = find_spec("mistral_common").submodule_search_locations[0]
    return sentencepiece.SentencePieceProcessor(model_file=str(Path(package) / "data" / _FILES[tokenizer]))


@lru_cache(maxsize=4096)
def tokenize(text: str, tokenizer: str = "v3") -> Tokens:
    """Split a completion into tokens; the pieces joined are the text."""
    ids = tuple(processor(tokenizer).encode(text))
    vocabulary = _vocabulary(tokenizer)
    decode = getincrementaldecoder("utf-8")().decode
    pieces = [decode(vocabulary[token]) for token in ids]
    if pieces:
        pieces[0] = pieces[0][1:]  # the space that sentencepiece puts before every text
    ends = (0, *accumulate(map(len, pieces)))
    return Tokens(ids, tuple(text[start:end] for start, end in pairwise(ends)))  # as written: a real ▁ is no space


@cache
def _vocabulary(tokenizer: str) -> tuple[bytes, ...]:
    """What each token spells. A token such as <0xE6> is one byte of a character the vocabulary lacks."""
    sp = processor(tokenizer)
    pieces = (sp.id_to_piece(token) for token in range(sp.get_piece_size()))
    return tuple(
        bytes([int(piece[3:5], 16)]) if sp.is_byte(token) else piece.replace("▁", " ").encode()
        for token, piece in enumerate(pieces)
    )


_MARKERS = {  # how many tokens Mistral's chat format puts around a turn
    "user": 2,  # [INST] … [/INST]
    "assistant": 1,  # … </s>
    "prefix": 0,  # the beginning of the answer
    "tools": 2,  # [AVAILABLE_TOOLS] … [/AVAILABLE_TOOLS]
    "calls": 2,  # [TOOL_CALLS] … </s>
    "result": 2,  # [TOOL_RESULTS] … [/TOOL_RESULTS]
}
ALONE = "0123456789\t\n"  # characters that are never in a token with others
INDIVISIBLE = "[REFERENCE_DOC_"  # how the only tokens begin that have a digit beside something else
_pieces = re.compile(rf"[{ALONE}]| *[^ {ALONE}]+| +").findall
_REMEMBERED, _LONGEST = 32_768, 256  # words, and characters of one


class _Counts(dict[str, int]):
    """How many tokens each text is, as far as it has been asked."""

    def keep(self, text: str, tokens: int) -> int:
        if len(text) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = tokens
        return tokens


class _Pieces(_Counts):
    """Tokens of texts that cannot be taken apart, as they are."""

    def __missing__(self, text: str) -> int:
        # Alone, it would get a space in front. After a digit it does not: that space and the digit are two tokens.
        return self.keep(text, len(processor().encode("0" + text)) - 2)


class _Words(_Counts):
    """Tokens of words, each with the one space in front of it."""

    def __missing__(self, word: str) -> int:
        if word.isascii() and word.isdigit():  # there are too many numbers to keep
            return 1 + len(word)
        return self.keep(word, _word(word))


_pieces_known, _words_known = _Pieces(), _Words()


def _word(text: str) -> int:
    """Tokens of a text and the space that sentencepiece puts in front of it."""
    return sum(map(_pieces_known.__getitem__, _pieces(f" {text}")))


def count(text: str) -> int:
    """How many tokens a text is."""
    if not text:
        return 0
    if INDIVISIBLE in text:
        return len(processor().encode(text))
    text = text.replace("▁", " ")  # which is how sentencepiece writes a space
    if "  " in text or text[0] == " " or text[-1] == " ":
        return _word(text)
    return sum(map(_words_known.__getitem__, text.split(" ")))


def count_prompt(turns: Sequence[tuple[str, str]]) -> int:
    """Tokens of a conversation of (role, text) turns, with the markers Mistral's chat format adds.

    `<s>` opens it, and the format drops the spaces an assistant's turn ends with.
    """
    total = 1
    for role, text in turns:
        total += count(text.rstrip(" ") if role in ("assistant", "prefix") else text) + _MARKERS[role]
    return total
