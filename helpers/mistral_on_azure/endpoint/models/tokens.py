"""Tokens: a text split with the tokenizer file of mistral-common, which lies in `tokenizers`.

Reading that file with sentencepiece takes milliseconds where importing mistral-common takes seconds; a test holds
the two to the same files and the same tokens. The four deployments are counted with v3, which gives the documented
exchange its documented usage. v7 splits texts as v3 does: the two differ in control tokens alone. Tekken is no
sentencepiece: `published_tokens` has it, and the prompts of models that are sold.

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
    """A text as tokens: their ids, and the text that each one adds (empty while a character is incomplete)."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


@cache
def processor(tokenizer: str = "v3") -> Any:
    """The sentencepiece processor of a tokenizer, v1, v3 or v7, loaded on first use."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(_FOLDER / _FILES[tokenizer]))


def vocabulary_size(tokenizer: str) -> int:
    """How many token ids there are, from 0 on."""
    return published_tokens.vocabulary_size() if tokenizer == TEKKEN else processor(tokenizer).get_piece_size()


_TOKEN, _CHARACTER = 120, 4  # bytes that a token takes in memory, and a character, at most
_tokenized: BoundedCache[tuple[str, str], Tokens] = BoundedCache(8_000_000)


def size_of(text: str, tokens: int) -> int:
    """Bytes that a text and its tokens take in memory, at most."""
    return 500 + _CHARACTER * len(text) + _TOKEN * tokens


def tokenize(text: str, tokenizer: str = "v3", most: int | None = None) -> Tokens:
    """Split a completion into tokens; the pieces joined are the text.

    Args:
        most: a long text may be split no further once it has more tokens than that; the pieces are its beginning then.
    """
    known = _tokenized.get((text, tokenizer))
    if known is None:
        known = _split(text, tokenizer, inf if most is None else most)
        if most is None or len(known.ids) <= most or len(text) <= 2 * BLOCK:
            _tokenized.keep((text, tokenizer), known, size_of(text, len(known.ids)))
    return known


def _split(text: str, tokenizer: str, most: float) -> Tokens:
    if tokenizer == TEKKEN:
        return Tokens(*published_tokens.split(text))
    ids = tuple(ids_of(text, tokenizer, most))
    vocabulary = _vocabulary(tokenizer)
    decode = getincrementaldecoder("utf-8")().decode
    pieces = [decode(vocabulary[token]) for token in ids]
    if pieces:
        pieces[0] = pieces[0][1:]  # the space that sentencepiece puts before every text
    ends = (0, *accumulate(map(len, pieces)))
    return Tokens(ids, tuple(text[start:end] for start, end in pairwise(ends)))  # as written: a real ▁ is no space


def ids_of(text: str, tokenizer: str, most: float = inf) -> list[int]:
    """The ids of a text's tokens; of a long text in parts, between which other threads may run."""
    encode = processor(tokenizer).encode
    if len(text) <= 2 * BLOCK:
        return encode(text)
    ids: list[int] = []
    for block in _blocks(f" {text.replace('▁', ' ')}", tokenizer):
        ids += encode("0" + block)[2:]  # as `_Pieces` has it
        if len(ids) > most:
            break
    return ids


@cache
def _vocabulary(tokenizer: str) -> tuple[bytes, ...]:
    """What each token spells. A token such as <0xE6> is one byte of a character the vocabulary lacks."""
    sp = processor(tokenizer)
    pieces = (sp.id_to_piece(token) for token in range(sp.get_piece_size()))
    return tuple(
        bytes([int(piece[3:5], 16)]) if sp.is_byte(token) else piece.replace("▁", " ").encode()
        for token, piece in enumerate(pieces)
    )


def vocabulary_is_read(characters: int) -> bool:
    """Whether so many can be split at once: the first answer waits for the vocabulary, the first long text for more."""
    known = _vocabulary if characters <= 2 * BLOCK else _neighbours
    return bool(known.cache_info().currsize)


_MARKERS = {  # how many tokens Mistral's chat format puts around a turn
    "system": 2,  # [SYSTEM_PROMPT] … [/SYSTEM_PROMPT], from v7 on
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
_REMEMBERED, _LONGEST = 5_000_000, 128  # bytes of words, and characters of one


class _Counts(BoundedCache[str, int]):
    """How many tokens each text is, as far as it has been asked."""

    def __init__(self) -> None:
        super().__init__(_REMEMBERED)

    def put(self, text: str, tokens: int) -> int:
        """Keep a count, unless the text is long."""
        return self.keep(text, tokens, 150 + _CHARACTER * len(text)) if len(text) <= _LONGEST else tokens


class _Pieces(_Counts):
    """Tokens of texts that cannot be taken apart, as they are."""

    def __missing__(self, text: str) -> int:
        # Alone, it would get a space in front. After a digit it does not: that space and the digit are two tokens.
        return self.put(text, len(processor().encode("0" + text)) - 2)


class _Words(_Counts):
    """Tokens of words, each with the one space in front of it."""

    def __missing__(self, word: str) -> int:
        if word.isascii() and word.isdigit():  # there are too many numbers to keep
            return 1 + len(word)
        return self.put(word, _word(word))


_pieces_known, _words_known = _Pieces(), _Words()


def _word(text: str) -> int:
    """Tokens of a text and the space that sentencepiece puts in front of it."""
    return sum(map(_pieces_known.__getitem__, _pieces(f" {text}")))


def count(text: str) -> int:
    """How many tokens a text is."""
    if not text:
        return 0
    if len(text) > 2 * BLOCK:
        return sum(_counts_of(text))
    if INDIVISIBLE in text:
        return len(processor().encode(text))
    text = text.replace("▁", " ")  # which is how sentencepiece writes a space
    if "  " in text or text[0] == " " or text[-1] == " ":
        return _word(text)
    return sum(map(_words_known.__getitem__, text.split(" ")))


BLOCK = 2_048  # characters that are counted in one call of the tokenizer, which takes a few milliseconds
_SEARCHED = 1_024  # characters after a block's, in which its end is looked for


@cache
def _neighbours(tokenizer: str) -> frozenset[str]:
    """The pairs of characters that some token has side by side."""
    sp = processor(tokenizer)
    pieces = (sp.id_to_piece(token).replace("▁", " ") for token in range(sp.get_piece_size()))
    return frozenset(piece[at : at + 2] for piece in pieces for at in range(len(piece) - 1))


def _blocks(text: str, tokenizer: str = "v3") -> Iterator[str]:
    """A long text in parts whose tokens are the text's own.

    A part ends where no token has the two characters side by side. A text without such a place, which is one that
    repeats itself, is taken apart all the same, and counted to within a token for each part.
    """
    start, neighbours = 0, _neighbours(tokenizer)
    while len(text) - start > 2 * BLOCK:
        ends = range(start + BLOCK, start + BLOCK + _SEARCHED)
        end = next((end for end in ends if text[end - 1 : end + 1] not in neighbours), start + BLOCK)
        yield text[start:end]
        start = end
    yield text[start:]


def _counts_of(text: str) -> Iterator[int]:
    """Tokens of a long text, part by part."""
    return map(_block, _blocks(f" {text.replace('▁', ' ')}"))


def _block(text: str) -> int:
    if INDIVISIBLE in text:
        return len(processor().encode("0" + text)) - 2
    return sum(map(_pieces_known.__getitem__, _pieces(text)))


def count_prompt(turns: Sequence[tuple[str, str]], most: float = inf) -> int:
    """Tokens of a conversation of (role, text) turns, with the markers Mistral's chat format adds.

    `<s>` opens it, and the format drops the spaces an assistant's turn ends with.

    Args:
        most: where counting may stop, as no context holds more; what was counted until then is more than that.
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
