"""Counts are those of mistral-common, to the token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mistral_on_azure.endpoint.models.tokens import ALONE, INDIVISIBLE, count, count_prompt, processor, tokenize
from scripted import script

# Texts of any characters, and texts that are mostly made of what the counting takes apart and must not take apart.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(
        st.sampled_from(
            ["a", "word", " ", "  ", "7", "42", "\n", "\r\n", "\t", "▁", "é", "x1", "[REFERENCE_DOC_1", "]"]
        ),
        max_size=30,
    ).map("".join),
)


@pytest.fixture(scope="module")
def theirs():
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v3()


def their_count(theirs, turns) -> int:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    messages = [{"role": role, "content": text} for role, text in turns]
    return len(theirs.encode_chat_completion(ChatCompletionRequest(messages=messages)).tokens)


def test_the_documented_exchange():
    system, prompt = "You are a helpful assistant.", "How many languages are in the world?"
    assert count_prompt([("user", f"{system}\n\n{prompt}")]) == 19
    assert count_prompt([("user", prompt)]) == 11
    assert count(script()[None, prompt][0]) == 72


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5).filter(lambda texts: len(texts) % 2))
def test_prompts_are_counted_as_mistral_common_counts_them(theirs, texts):
    turns = [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]
    assert count_prompt(turns) == their_count(theirs, turns)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_the_pieces_joined_are_the_text(text):
    tokens = tokenize(text)
    assert "".join(tokens.pieces) == text
    assert len(tokens.ids) == len(tokens.pieces) == count(text)


@pytest.mark.parametrize("answer", [answer for answers in script().values() for answer in answers])
def test_the_script_survives_tokenizing(answer):
    assert "".join(tokenize(answer).pieces) == answer


def test_a_character_of_several_tokens_is_never_split():
    tokens = tokenize("𐍈")
    assert len(tokens.ids) > 2 and tokens.pieces[-1] == "𐍈" and not any(tokens.pieces[:-1])


def test_what_is_taken_apart_is_never_in_one_token():
    """The rule that counting word by word rests on, held to the vocabulary."""
    model = processor()
    vocabulary = [model.id_to_piece(token) for token in range(model.get_piece_size()) if not model.is_control(token)]
    pieces = [piece for piece in vocabulary if len(piece) > 1 and not piece.startswith(("<", INDIVISIBLE))]
    assert len(pieces) > 20_000
    assert not [piece for piece in pieces if "▁" in piece.lstrip("▁")]
    assert not [piece for piece in pieces if set(ALONE) & set(piece)]
