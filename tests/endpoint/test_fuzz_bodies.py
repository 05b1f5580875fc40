"""Bodies that are nearly right: messages, tools and choices of them with something wrong anywhere, and never 500."""

from __future__ import annotations

from typing import Any

from asking import CHAT_ROUTES, LARGE, chat
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_requests import FLIGHT, WEATHER, call

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    # What a dictionary may hold is told apart by these words; the rest of the text does not matter.
    | st.sampled_from(["", "text", "user", "assistant", "tool", "function", "object", "string", "array", "abcdefghi"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "name", "properties", "items", "enum", "required", "$ref", "anyOf", "minimum"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@st.composite
def spoilt(draw: Any, value: Any) -> Any:
    """A value with one of its parts replaced by anything, left out, or said twice."""
    if draw(st.integers(0, 5)) == 0:
        return draw(ANYTHING)
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 5)) == 0:
            return {key: part for key, part in value.items() if key != name}
        return {**value, name: draw(spoilt(value[name]))}
    if isinstance(value, list) and value:
        place = draw(st.integers(0, len(value) - 1))
        again = [value[place]] if draw(st.integers(0, 5)) == 0 else []
        return [*value[:place], *again, draw(spoilt(value[place])), *value[place + 1 :]]
    return draw(ANYTHING)


BODY = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is the weather in Paris?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": "22 degrees"},
        {"role": "assistant", "content": "22 degrees."},
        {"role": "user", "content": "And a flight from Paris to Rome on 2030-01-02?"},
    ],
    "tools": [WEATHER, FLIGHT],
    "tool_choice": {"type": "function", "function": {"name": "book_flight"}},
    "temperature": 0.5,
    "n": 2,
    "max_tokens": 50,
    "stop": ["x"],
    "logprobs": True,
    "top_logprobs": 2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logit_bias": {"5": 1},
    "response_format": {"type": "text"},
}


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(CHAT_ROUTES), spoilt(BODY).flatmap(spoilt) | spoilt(BODY))
def test_a_body_with_something_wrong_in_it(path, body):
    """`chat` compares the answer with the OpenAPI document."""
    if not isinstance(body, dict):
        return
    messages = body.pop("messages", None)
    got = chat(messages, path, {"extra-parameters": "pass-through", "azureml-model-deployment": LARGE}, **body)
    assert got.status in (200, 400, 422), got.body


def test_as_it_is_it_is_right():
    assert chat(**BODY, headers={"azureml-model-deployment": LARGE}).status == 200
