"""Splits texts into tokens and counts them, with the tokenizer files of mistral-common in the folder `tokenizers`.

The files are read with sentencepiece, which takes milliseconds, whereas importing mistral-common takes seconds; a test
compares files and tokens of the two. The tokens of the cookbook's four deployments are counted with v3, with which the
documented exchange has its documented usage. v7 splits a text as v3 does; it has other control tokens. Tekken (of July
2024) is not a sentencepiece model. For it, and for the prompts of models that are sold per token, mistral-common is
imported with the first request.

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
from functools import cache
from itertools import accumulate, pairwise
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from mistral_on_azure.endpoint.bounds import BoundedCache

_FOLDER = Path(__file__).with_name("tokenizers")
_V3 = "mistral_instruct_tokenizer_240323.model.v3"
_FILES = {"v1": "tokenizer.model.v1", "v3": _V3, "v7": _V3}
_TEKKEN = "tekken"


class Tokens(NamedTuple):
    """The ids of a text's tokens, and the text of each; that of a token that ends within a character is empty."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


def processor(tokenizer: str = "v3") -> Any:
    """The sentencepiece processor of a tokenizer, v1, v3 or v7, loaded on first use."""
    return _load(_FILES[tokenizer])


@cache
def _load(file: str) -> Any:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(_FOLDER / file))


@cache
def _published(name: str) -> Any:
    """A tokenizer of mistral-common, which takes seconds to import and load: "v7" or "tekken"."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return (MistralTokenizer.v7() if name == "v7" else MistralTokenizer.v3(is_tekken=True)).instruct_tokenizer


def count_request(name: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int:
    """The prompt tokens of a chat request, encoded by mistral-common.

    Args:
        name: the tokenizer, "v7" or "tekken".
        messages: the checked messages.
        tools: the checked tools.
    """
    from mistral_common.protocol.instruct.normalize import get_normalizer
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    # Without their schemas, which mistral-common would check in unbounded time.
    bare = [{**tool, "function": {**tool["function"], "parameters": {}}} for tool in tools]
    request = ChatCompletionRequest(model="any", messages=messages, tools=bare or None)
    encoder = _published(name)
    normal = get_normalizer(encoder.tokenizer.version, None).from_chat_completion_request(request)
    for read, tool in zip(normal.available_tools or (), tools, strict=True):
        read.function.parameters = tool["function"]["parameters"]
    return len(encoder.encode_instruct(normal).tokens)


def vocabulary_size(tokenizer: str) -> int:
    """The number of token ids, which begin with 0."""
    return _published(_TEKKEN).tokenizer.n_words if tokenizer == _TEKKEN else processor(tokenizer).get_piece_size()


_TOKEN, _CHARACTER = 120, 4  # upper bounds of the bytes of a token, and of a character, in memory


def size_of(text: str, tokens: int) -> int:
    """An upper bound of the bytes that a text and its tokens take in memory."""
    return 500 + _CHARACTER * len(text) + _TOKEN * tokens


def tokenize(text: str, tokenizer: str = "v3", most: int | None = None) -> Tokens:
    """Split a text into tokens. The pieces, joined, are the text.

    Args:
        most: a long text with more tokens than this may be split in part; the pieces are then its beginning.
    """
    decode = getincrementaldecoder("utf-8")().decode
    if tokenizer == _TEKKEN:
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

        tekken = _published(_TEKKEN).tokenizer
        ids = tuple(tekken.encode(text, bos=False, eos=False))
        return Tokens(ids, tuple(decode(tekken.id_to_byte_piece(each, SpecialTokenPolicy.KEEP)) for each in ids))
    ids = tuple(ids_of(text, tokenizer, inf if most is None else most))
    vocabulary = _vocabulary(tokenizer)
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
        ids += encode("0" + block)[2:]  # `_encoded` explains the digit
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


class _Pieces(BoundedCache[str, int]):
    """The number of tokens of texts that cannot be split further; long ones are not kept."""

    def __missing__(self, text: str) -> int:
        tokens = self.tokens_of(text)
        return self.keep(text, tokens, 150 + _CHARACTER * len(text)) if len(text) <= _LONGEST else tokens

    def tokens_of(self, text: str) -> int:
        return _encoded(text)


class _Words(_Pieces):
    """The number of tokens of words, each with the space before it."""

    def __missing__(self, word: str) -> int:
        if word.isascii() and word.isdigit():  # not kept, as there are too many numbers
            return 1 + len(word)
        return super().__missing__(word)

    def tokens_of(self, word: str) -> int:
        return _in_pieces(f" {word}") if word and "▁" not in word and INDIVISIBLE not in word else _NO_WORD


_pieces_known, _words_known = _Pieces(_REMEMBERED), _Words(_REMEMBERED)


def _encoded(text: str) -> int:
    """The number of tokens of a text without the space that sentencepiece adds before it.

    Here it is added before the digit 0, and the two are two tokens.
    """
    return len(processor().encode("0" + text)) - 2


def _in_pieces(text: str) -> int:
    """The number of tokens of a text in which nothing is indivisible."""
    return sum(map(_pieces_known.__getitem__, _pieces(text)))


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
    return _in_pieces(f" {text.replace('▁', ' ')}")  # which is how sentencepiece writes a space


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
    for block in _blocks(f" {text.replace('▁', ' ')}"):
        yield _encoded(block) if INDIVISIBLE in block else _in_pieces(block)


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
