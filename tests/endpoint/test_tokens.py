"""Counts are those of mistral-common, to the token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.endpoint.answers import script
from helpers.endpoint.tokens import count, count_prompt, tokenize

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


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
