"""Splits texts into tokens and counts them, with the tokenizer files of mistral-common in the folder `tokenizers`.

The files are read with sentencepiece, which takes milliseconds, whereas importing mistral-common takes seconds; a test
compares files and tokens of the two. The tokens of the cookbook's four deployments are counted with v3, with which the
documented exchange has its documented usage. v7 splits a text as v3 does; it has other control tokens. Tekken is not a
sentencepiece model: `published_tokens` has it, and counts the prompts of models that are sold.

Counting is exact, and fast also for new texts. Byte-pair encoding merges adjacent characters into tokens of the
vocabulary. Two characters that no token of the vocabulary has side by side are therefore never in one token, and the
text can be split between them without changing its tokens. In Mistral's vocabulary that is the case before spaces, and
on both sides of digits and line breaks. So a text is counted word by word, with a cache of words. Tests compare the
counts with mistral-common's, and the rule with the vocabulary.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from math import inf
from pathlib import Path
from typing import Any

from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models import published_tokens

_FOLDER = Path(__file__).with_name("tokenizers")
_V3 = "mistral_instruct_tokenizer_240323.model.v3"
_FILES = {"v1": "tokenizer.model.v1", "v3": _V3, "v7": _V3}
TEKKEN = "tekken"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text.

    Attributes:
        ids: the token ids.
        pieces: the text of each token; empty for a token that ends within a character.
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


def processor(tokenizer: str = "v3") -> Any:
    """The sentencepiece processor of a tokenizer, v1, v3 or v7, loaded on first use."""
    return _load(_FILES[tokenizer])


@cache
def _load(file: str) -> Any:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(_FOLDER / file))


def vocabulary_size(tokenizer: str) -> int:
    """The number of token ids, which begin with 0."""
    return published_tokens.vocabulary_size() if tokenizer == TEKKEN else processor(tokenizer).get_piece_size()


_TOKEN, _CHARACTER = 120, 4  # upper bounds of the bytes of a token, and of a character, in memory


def size_of(text: str, tokens: int) -> int:
    """An upper bound of the bytes that a text and its tokens take in memory."""
    return 500 + _CHARACTER * len(text) + _TOKEN * tokens


def tokenize(text: str, tokenizer: str = "v3", most: int | None = None) -> Tokens:
    """Split a text into tokens. The pieces, joined, are the text.

    Args:
        most: a long text with more tokens than this may be split in part; the pieces are then its beginning.
    """
    if tokenizer == TEKKEN:
        return Tokens(*published_tokens.split(text))
    ids = tuple(ids_of(text, tokenizer, inf if most is None else most))
    vocabulary = _vocabulary(tokenizer)
    decode = getincrementaldecoder("utf-8")().decode
    pieces = [decode(vocabulary[token]) for token in ids]
    if pieces:
        pieces[0] = pieces[0][1:]  # the space that sentencepiece puts before every text
    ends = (0, *accumulate(map(len, pieces)))
    return Tokens(ids, tuple(text[start:end] for start, end in pairwise(ends)))  # as written: a real ▁ is no space


def ids_of(text: str, tokenizer: str, most: float = inf) -> list[int]:
    """The token ids of a text. A long text is encoded in parts, so that other threads can run in between.

    Args:
        most: encoding stops after the part with which a long text has more tokens than this.
    """
    encode = processor(tokenizer).encode
    if len(text) <= 2 * BLOCK:
        return encode(text)
    ids: list[int] = []
    for block in _blocks(f" {text.replace('▁', ' ')}", tokenizer):
        ids += encode("0" + block)[2:]  # `_Pieces` explains the digit
        if len(ids) > most:
            break
    return ids


class _Vocabulary(dict[int, bytes]):
    """The bytes of each token, read when it is first met: all of a vocabulary would take two megabytes.

    A token such as <0xE6> is one byte of a character that the vocabulary lacks.
    """

    def __init__(self, tokenizer: str) -> None:
        self._sp = processor(tokenizer)

    def __missing__(self, token: int) -> bytes:
        piece = self._sp.id_to_piece(token)
        self[token] = bytes([int(piece[3:5], 16)]) if self._sp.is_byte(token) else piece.replace("▁", " ").encode()
        return self[token]


_vocabulary = cache(_Vocabulary)


def tables_are_read(characters: int) -> bool:
    """Whether the tables for a text of this length are loaded: the tokenizer and, for long texts, `_neighbours`."""
    table = _load if characters <= 2 * BLOCK else _neighbours
    if table not in _read and table.cache_info().currsize:
        _read.add(table)
    return table in _read


_read: set[Any] = set()  # asked for each request, which is faster than `cache_info`


_MARKERS = {  # number of control tokens that Mistral's chat format adds to a turn
    "system": 2,  # [SYSTEM_PROMPT] … [/SYSTEM_PROMPT], from v7 on
    "user": 2,  # [INST] … [/INST]
    "assistant": 1,  # … </s>
    "prefix": 0,  # the beginning of the answer
    "tools": 2,  # [AVAILABLE_TOOLS] … [/AVAILABLE_TOOLS]
    "calls": 2,  # [TOOL_CALLS] … </s>
    "result": 2,  # [TOOL_RESULTS] … [/TOOL_RESULTS]
}
ALONE = "0123456789\t\n"  # characters that no token has beside others
INDIVISIBLE = "[REFERENCE_DOC_"  # the beginning of the only tokens that are an exception to that
_pieces = re.compile(rf"[{ALONE}]| *[^ {ALONE}]+| +").findall
_REMEMBERED, _LONGEST = 5_000_000, 128  # bytes of words, and characters of one
_NO_WORD = 10**9  # stands for the tokens of a word that is not counted by itself, as where two spaces follow each other


class _Counts(BoundedCache[str, int]):
    """A cache of the number of tokens of texts."""

    def __init__(self) -> None:
        super().__init__(_REMEMBERED)

    def put(self, text: str, tokens: int) -> int:
        """Keep a count, unless the text is long."""
        return self.keep(text, tokens, 150 + _CHARACTER * len(text)) if len(text) <= _LONGEST else tokens


class _Pieces(_Counts):
    """The number of tokens of texts that cannot be split further."""

    def __missing__(self, text: str) -> int:
        # sentencepiece adds a space before a text. Here it is added before the digit 0, and the two are two tokens.
        return self.put(text, len(processor().encode("0" + text)) - 2)


class _Words(_Counts):
    """The number of tokens of words, each with the space before it."""

    def __missing__(self, word: str) -> int:
        if word.isascii() and word.isdigit():  # not cached, as there are too many numbers
            return 1 + len(word)
        return self.put(word, _word(word) if word and "▁" not in word and INDIVISIBLE not in word else _NO_WORD)


_pieces_known, _words_known = _Pieces(), _Words()


def _word(text: str) -> int:
    """The number of tokens of a text with the space that sentencepiece adds before it."""
    return sum(map(_pieces_known.__getitem__, _pieces(f" {text}")))


def count(text: str) -> int:
    """The number of tokens of a text in v3."""
    if len(text) > 2 * BLOCK:
        return sum(_counts_of(text))
    total = sum(map(_words_known.__getitem__, text.split(" ")))
    if total < _NO_WORD:
        return total
    if not text:
        return 0
    if INDIVISIBLE in text:
        return len(processor().encode(text))
    return _word(text.replace("▁", " "))  # which is how sentencepiece writes a space


BLOCK = 2_048  # characters of a part of a long text, which takes the tokenizer a few milliseconds
_SEARCHED = 1_024  # further characters that are searched for the end of the part


@cache
def _neighbours(tokenizer: str) -> frozenset[str]:
    """The pairs of adjacent characters that occur in a token."""
    sp = processor(tokenizer)
    pieces = (sp.id_to_piece(token).replace("▁", " ") for token in range(sp.get_piece_size()))
    return frozenset(piece[at : at + 2] for piece in pieces for at in range(len(piece) - 1))


def _blocks(text: str, tokenizer: str = "v3") -> Iterator[str]:
    """Split a long text into parts without changing its tokens.

    A part ends between two characters that no token has side by side. A repetitive text without such a place is split
    after `BLOCK` characters, and its count may be wrong by one token for each part.
    """
    start, neighbours = 0, _neighbours(tokenizer)
    while len(text) - start > 2 * BLOCK:
        ends = range(start + BLOCK, start + BLOCK + _SEARCHED)
        end = next((end for end in ends if text[end - 1 : end + 1] not in neighbours), start + BLOCK)
        yield text[start:end]
        start = end
    yield text[start:]


def _counts_of(text: str) -> Iterator[int]:
    """The number of tokens of each part of a long text."""
    return map(_block, _blocks(f" {text.replace('▁', ' ')}"))


def _block(text: str) -> int:
    if INDIVISIBLE in text:
        return len(processor().encode("0" + text)) - 2
    return sum(map(_pieces_known.__getitem__, _pieces(text)))


def count_prompt(turns: Sequence[tuple[str, str]], most: float = inf) -> int:
    """The number of tokens of a conversation in Mistral's chat format, with its control tokens.

    `<s>` begins a conversation, and spaces at the end of an assistant turn are dropped.

    Args:
        turns: (role, text) of each turn.
        most: counting may stop once the number exceeds this.
    """
    total = 1
    for role, text in turns:
        if role in ("assistant", "prefix"):
            text = text.rstrip(" ")
        total += _MARKERS[role]
        if len(text) <= 2 * BLOCK:
            total += count(text)
            continue
        for tokens in _counts_of(text):
            total += tokens
            if total > most:
                return total
    return total
