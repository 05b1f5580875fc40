"""Counts are those of mistral-common, to the token: of texts, and of tools, calls and results."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_objections import their_count, tokenizer_of
from tool_requests import FLIGHT, MULTIPLY, SEARCH, TIME, WEATHER, answered, calls, result

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


def test_the_documented_exchange():
    system, prompt = "You are a helpful assistant.", "How many languages are in the world?"
    assert count_prompt([("user", f"{system}\n\n{prompt}")]) == 19
    assert count_prompt([("user", prompt)]) == 11
    assert count(script()[None, prompt][0]) == 72


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5).filter(lambda texts: len(texts) % 2))
def test_prompts_are_counted_as_mistral_common_counts_them(texts):
    turns = [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]
    assert count_prompt(turns) == their_count([{"role": role, "content": text} for role, text in turns])


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_the_pieces_joined_are_the_text(text):
    tokens = tokenize(text)
    assert "".join(tokens.pieces) == text
    assert len(tokens.ids) == len(tokens.pieces) == count(text)


@pytest.mark.parametrize("answer", [answer for answers in script().values() for answer in answers])
def test_the_script_survives_tokenizing(answer):
    assert "".join(tokenize(answer).pieces) == answer


def test_a_tokenizers_file_is_loaded_once():
    assert processor() is processor("v3") is processor("v7") is not processor("v1")


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


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["1, 2", " hi ", "[INST]", "42"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
IDS = st.lists(
    st.text(string.ascii_letters + string.digits, min_size=9, max_size=9), min_size=1, max_size=3, unique=True
)
BARE = {"type": "function", "function": {"name": "bare", "strict": True}}
TOOLS = st.lists(st.sampled_from([WEATHER, TIME, MULTIPLY, FLIGHT, SEARCH, BARE]), max_size=3)


def contents(texts):
    """A text, or a list of text parts."""
    return texts | st.lists(texts, min_size=1, max_size=2).map(
        lambda all: [{"type": "text", "text": text} for text in all]
    )


@st.composite
def conversations(draw):
    """Conversations in which tools were called, ending with a user or with results."""
    messages = [{"role": "system", "content": draw(contents(WORDS))}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(contents(WORDS))})
        for _ in range(draw(st.integers(0, 2))):
            messages += draw(rounds())
        messages.append({"role": "assistant", "content": draw(WORDS.filter(str.strip))})
    if messages[-2]["role"] == "tool" and draw(st.booleans()):
        return messages[:-1]
    return [*messages, {"role": "user", "content": draw(contents(WORDS))}]


@st.composite
def rounds(draw):
    """Calls and their results, in any order."""
    ids = draw(IDS)
    written = JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1)) | WORDS
    made = [{"id": each, "type": "function", "function": {"name": "f", "arguments": draw(written)}} for each in ids]
    return [
        calls(*made, content=draw(st.sampled_from([None, ""]))),
        *(result(draw(contents(written)), each) for each in draw(st.permutations(ids))),
    ]


@settings(max_examples=150, deadline=None)
@given(conversations(), TOOLS)
def test_prompts_with_tools(messages, tools):
    if not tools and not any(message.get("tool_calls") for message in messages):
        tools = [WEATHER]
    assert answered(messages, tools)["usage"]["prompt_tokens"] == their_count(messages, tools)


@pytest.mark.parametrize(
    "prompt", ["Weather in Paris?", "Weather in Paris, São Paulo and 東京?", 'Search "a \\"b\\" c"', "Multiply 2 by 3"]
)
def test_calls(prompt):
    from mistral_common.protocol.instruct.messages import AssistantMessage

    body = answered(prompt, [WEATHER, SEARCH, MULTIPLY])
    message = AssistantMessage.from_openai(body["choices"][0]["message"])
    theirs = tokenizer_of().instruct_tokenizer
    tokens = theirs.encode_assistant_message(message, False)
    assert message.tool_calls and tokens[-1] == theirs.tokenizer.eos_id
    assert body["usage"]["completion_tokens"] == len(tokens) - 1  # the end of a text is not counted either


def test_the_example_of_the_model_card():
    """The prompt on Mixtral-8x22B's model card, encoded by Mistral's tokenizer."""
    messages = [{"role": "user", "content": "What's the weather like today in Paris"}]
    assert answered(messages, [WEATHER])["usage"]["prompt_tokens"] == their_count(messages, [WEATHER])
