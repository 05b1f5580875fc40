"""The endpoint's rules for messages and tools beside those of mistral-common: the same objections, the same words."""

from __future__ import annotations

from pathlib import Path

import mistral_common
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mistral_objections import ours, theirs

from mistral_on_azure.endpoint.models import tokens

TEXT = st.sampled_from(["", "x", "Hello"])
JUNK = st.sampled_from([None, 3, True, [], {}, "x"])
PART = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT | JUNK}) | JUNK
CONTENT = TEXT | JUNK | st.lists(PART, max_size=2)
NAME = st.sampled_from(["weather", "two words", "x" * 65, ""]) | JUNK
ID = st.sampled_from(["abcdefghi", "call_1", "null", ""]) | JUNK
CALL = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries({"name": NAME, "arguments": st.sampled_from(["{}", "", "no JSON"]) | JUNK})
        | JUNK
    },
    optional={"id": ID, "type": st.sampled_from(["function", "other"])},
)
GOOD = st.sampled_from(
    [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "assistant", "content": "Hi", "prefix": True},
        {"role": "assistant", "tool_calls": [{"id": "abcdefghi", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "r"},
    ]
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional={
        "content": CONTENT,
        "prefix": st.booleans(),
        "tool_calls": st.lists(CALL, max_size=2) | st.none(),
        "tool_call_id": ID,
    },
)
TOOL = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["function", "other"]),
        "function": st.fixed_dictionaries(
            {"name": NAME, "parameters": st.just({}) | JUNK}, optional={"description": JUNK}
        ),
    }
)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(GOOD | GOOD | GOOD | MESSAGE | JUNK, max_size=4), st.lists(TOOL, max_size=2))
def test_the_same_is_refused_in_the_same_words(messages, tools):
    assert ours(messages, tools) == theirs(messages, tools)


@pytest.mark.parametrize("name", tokens._FILES.values())
def test_the_tokenizer_files_are_those_of_mistral_common(name):
    own = Path(tokens.__file__).with_name("tokenizers") / name
    assert own.read_bytes() == (Path(mistral_common.__file__).parent / "data" / name).read_bytes()
