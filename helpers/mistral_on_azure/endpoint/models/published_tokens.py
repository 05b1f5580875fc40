"""Counts tokens of models that are sold per token, with mistral-common's tokenizers v7 and Tekken (of July 2024).

mistral-common takes seconds to import and load, so it is imported with the first request to one of these models.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Sequence
from functools import cache
from typing import Any

from mistral_on_azure.endpoint.models.messages import JOINT, Conversation


@cache
def _tokenizer(name: str) -> Any:
    """A tokenizer of mistral-common: "v7" or "tekken"."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v7() if name == "v7" else MistralTokenizer.v3(is_tekken=True)


def count_request(
    name: str, messages: list[Any], tools: Sequence[dict[str, Any]], definitions: Sequence[dict[str, Any]]
) -> int:
    """The prompt tokens of a chat request, encoded by mistral-common.

    Args:
        name: the tokenizer, "v7" or "tekken".
        messages: the checked messages.
        tools: the tools without their schemas, which mistral-common would check in unbounded time.
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
    """The number of token ids in Tekken."""
    return int(_tokenizer("tekken").instruct_tokenizer.tokenizer.n_words)


def with_system_turn(talk: Conversation) -> tuple[tuple[str, str], ...]:
    """The turns of a conversation with the system message as a separate turn, the format since v7."""
    if not talk.system:
        return talk.turns
    turns = list(talk.turns)
    folded = f"{talk.system}{JOINT}"
    found = (at for at, (role, text) in enumerate(turns) if role == "user" and text.startswith(folded))
    if (place := next(found, None)) is None:  # the guardrail of `safe_prompt` comes before it
        return talk.turns
    turns[place] = ("user", turns[place][1].removeprefix(folded))
    return (("system", talk.system), *turns)


def split(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The token ids of a text in Tekken, and the text that each token adds."""
    from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy

    tekken = _tokenizer("tekken").instruct_tokenizer.tokenizer
    ids = tuple(tekken.encode(text, bos=False, eos=False))
    decode = getincrementaldecoder("utf-8")().decode
    return ids, tuple(decode(tekken.id_to_byte_piece(each, SpecialTokenPolicy.KEEP)) for each in ids)
