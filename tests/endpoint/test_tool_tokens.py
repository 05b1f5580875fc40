"""Tools, calls and results are counted as mistral-common counts them, to the token."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_requests import FLIGHT, MULTIPLY, SEARCH, TIME, WEATHER, answered, calls, result

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["1, 2", " hi ", "[INST]", "42"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
IDS = st.lists(
    st.text(string.ascii_letters + string.digits, min_size=9, max_size=9), min_size=1, max_size=3, unique=True
)
BARE = {"type": "function", "function": {"name": "bare", "strict": True}}
TOOLS = st.lists(st.sampled_from([WEATHER, TIME, MULTIPLY, FLIGHT, SEARCH, BARE]), max_size=3)


@pytest.fixture(scope="module")
def theirs():
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v3()


def contents(texts):
    """A text, or a list of text parts."""
    return texts | st.lists(texts, min_size=1, max_size=2).map(
        lambda all: [{"type": "text", "text": text} for text in all]
    )


@st.composite
def conversations(draw):
    """Conversations in which tools were called, ending with a user or with results."""
    messages = [{"role": "system", "content": draw(contents(TEXTS))}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(contents(TEXTS))})
        for _ in range(draw(st.integers(0, 2))):
            messages += draw(rounds())
        messages.append({"role": "assistant", "content": draw(TEXTS.filter(str.strip))})
    if messages[-2]["role"] == "tool" and draw(st.booleans()):
        return messages[:-1]
    return [*messages, {"role": "user", "content": draw(contents(TEXTS))}]


@st.composite
def rounds(draw):
    """Calls and their results, in any order."""
    ids = draw(IDS)
    written = JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1)) | TEXTS
    made = [{"id": each, "type": "function", "function": {"name": "f", "arguments": draw(written)}} for each in ids]
    return [
        calls(*made, content=draw(st.sampled_from([None, ""]))),
        *(result(draw(contents(written)), each) for each in draw(st.permutations(ids))),
    ]


@settings(max_examples=150, deadline=None)
@given(conversations(), TOOLS)
def test_prompts_with_tools(theirs, messages, tools):
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    if not tools and not any(message.get("tool_calls") for message in messages):
        tools = [WEATHER]
    expected = theirs.encode_chat_completion(ChatCompletionRequest.from_openai(messages, tools or None))
    assert answered(messages, tools)["usage"]["prompt_tokens"] == len(expected.tokens)


@pytest.mark.parametrize(
    "prompt", ["Weather in Paris?", "Weather in Paris, São Paulo and 東京?", 'Search "a \\"b\\" c"', "Multiply 2 by 3"]
)
def test_calls(theirs, prompt):
    from mistral_common.protocol.instruct.messages import AssistantMessage

    body = answered(prompt, [WEATHER, SEARCH, MULTIPLY])
    message = AssistantMessage.from_openai(body["choices"][0]["message"])
    tokens = theirs.instruct_tokenizer.encode_assistant_message(message, False)
    assert message.tool_calls and tokens[-1] == theirs.instruct_tokenizer.tokenizer.eos_id
    assert body["usage"]["completion_tokens"] == len(tokens) - 1  # the end of a text is not counted either


def test_the_example_of_the_model_card(theirs):
    """The prompt on Mixtral-8x22B's model card, encoded by Mistral's tokenizer."""
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    messages = [{"role": "user", "content": "What's the weather like today in Paris"}]
    tokens = theirs.encode_chat_completion(ChatCompletionRequest.from_openai(messages, [WEATHER])).tokens
    assert answered(messages, [WEATHER])["usage"]["prompt_tokens"] == len(tokens)
