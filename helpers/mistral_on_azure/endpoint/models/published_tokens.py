"""Tokens of models that are sold, by mistral-common itself where it has their tokenizer: v7, and Tekken of July 2024.

It takes seconds to import and to load, so only a request to one of these models waits for it.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Sequence
from functools import cache
from typing import Any

from mistral_on_azure.endpoint.models.messages import JOINT, Conversation


@cache
def _tokenizer(name: str) -> Any:
    """mistral-common's tokenizer: v7 or tekken."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v7() if name == "v7" else MistralTokenizer.v3(is_tekken=True)


def count_request(
    name: str, messages: list[Any], tools: Sequence[dict[str, Any]], definitions: Sequence[dict[str, Any]]
) -> int:
    """Prompt tokens of a chat, as mistral-common encodes it.

    Args:
        name: v7 or tekken.
        messages: checked ones.
        tools: without their schemas, which mistral-common would check in unbounded time.
        definitions: the tools with their schemas, in the same order.
    """
    from mistral_common.protocol.instruct.normalize import get_normalizer
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    request = ChatCompletionRequest(model="any", messages=messages, tools=list(tools) or None)
    tokenizer = _tokenizer(name).instruct_tokenizer
    normal = get_normalizer(tokenizer.tokenizer.version, None).from_chat_completion_request(request)
    for tool, whole in zip(normal.available_tools or (), definitions, strict=True):
        tool.function.parameters = whole["function"]["parameters"]
    return len(tokenizer.encode_instruct(normal).tokens)


def vocabulary_size() -> int:
    """How many token ids Tekken has."""
    return int(_tokenizer("tekken").instruct_tokenizer.tokenizer.n_words)


def with_system_turn(talk: Conversation) -> tuple[tuple[str, str], ...]:
    """The turns of a conversation whose system message has a turn of its own, as from v7 on."""
    if not talk.system:
        return talk.turns
    turns = list(talk.turns)
    folded = f"{talk.system}{JOINT}"
    found = (at for at, (role, text) in enumerate(turns) if role == "user" and text.startswith(folded))
    if (place := next(found, None)) is None:  # a guardrail stands before it
        return talk.turns
    turns[place] = ("user", turns[place][1].removeprefix(folded))
    return (("system", talk.system), *turns)


def split(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The ids of a text's tokens in Tekken, and the text that each one adds."""
    from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

    tekken = _tokenizer("tekken").instruct_tokenizer.tokenizer
    ids = tuple(tekken.encode(text, bos=False, eos=False))
    decode = getincrementaldecoder("utf-8")().decode
    return ids, tuple(decode(tekken.id_to_byte_piece(each, SpecialTokenPolicy.KEEP)) for each in ids)
