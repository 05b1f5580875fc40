"""Which conversations are read, and as what: the same objections as mistral-common's, in the same words.

Rules lent by mistral-common are pinned: a release may change them.
"""

from __future__ import annotations

from pathlib import Path

import mistral_common
import pytest
from asking import LARGE, PROMPT, chat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mistral_objections import ours, their_count, theirs
from tool_requests import WEATHER, call

from mistral_on_azure.endpoint.models import tokens

U, A, S = ({"role": role, "content": text} for role, text in (("user", "Hello"), ("assistant", "Hi"), ("system", "s")))
P = {**A, "prefix": True}
C = {"role": "assistant", "content": None, "tool_calls": [call("abcdefghi")]}
T = {"role": "tool", "tool_call_id": "abcdefghi", "content": "r"}
PINNED = {
    "UU": None,
    "USU": None,
    "UAAU": None,
    "UCTU": None,
    "UCTTU": "Not the same number of function calls and responses",
    "UAS": "Unexpected role 'system' after role 'assistant'",
    "UCTS": "Unexpected role 'system' after role 'tool'",
    "UT": "Unexpected role 'tool' after role 'user'",
    "A": "Conversation must start with a user message or system message",
    "AU": None,
    "UA": "Expected last role User or Tool (or Assistant with prefix) for serving but got assistant",
    "UP": None,
    "UPU": "Assistant message with prefix True must be last message",
}


@pytest.mark.parametrize("roles", PINNED)
def test_what_mistral_common_says(roles):
    """Should this fail after an update, decide in messages.py whether deployments follow, then change it here."""
    messages = [{"U": U, "A": A, "S": S, "P": P, "C": C, "T": T}[role] for role in roles]
    assert theirs(messages) == ours(messages) == PINNED[roles]


def test_a_user_after_a_tools_result_is_refused_as_by_the_deployed_template():
    got = chat([U, C, T, U], model=LARGE, tools=[WEATHER])
    assert (got.status, got.json["param"]) == (400, "messages")
    assert got.message == (
        "Unexpected role 'user' after role 'tool': the assistant's answer to the tool's result comes between them."
    )
    assert chat([U, C, T, A, U], model=LARGE, tools=[WEATHER]).status == 200


@pytest.mark.parametrize(
    ("neighbours", "one"),
    [
        ([U, U], [{**U, "content": "Hello\n\nHello"}]),
        ([U, {**U, "content": ""}, U], [{**U, "content": "Hello\n\nHello"}]),
        ([S, S, U], [{**S, "content": "s\n\ns"}, U]),
        ([U, A, A, U], [U, {**A, "content": "Hi\n\nHi"}, U]),
        ([U, A, U, U, A, U], [U, A, {**U, "content": "Hello\n\nHello"}, A, U]),
        ([{**U, "content": [{"type": "text", "text": "Hello"}]}, U], [{**U, "content": "Hello\n\nHello"}]),
    ],
)
@pytest.mark.parametrize("tools", [{}, {"tools": [WEATHER], "model": LARGE}])
def test_neighbours_of_one_role_are_one_message(neighbours, one, tools):
    assert chat(neighbours, **tools).usage == chat(one, **tools).usage


@pytest.mark.parametrize("messages", [[U, U], [U, A, A, U], [S, S, U], [U, P], [U, {**P, "content": "Hi "}]])
def test_neighbours_and_prefixes_are_the_tokens_of_mistral_common(messages):
    assert chat(messages).usage[0] == their_count(messages)


def test_a_prompt_in_two_messages_is_answered_as_one():
    french = {"role": "system", "content": "Answer in French, in one short sentence."}
    assert "langues" in chat([french, {"role": "user", "content": PROMPT}]).text
    weather = [{"role": "user", "content": "Weather in Paris?"}, {"role": "user", "content": "Be quick."}]
    got = chat(weather, model=LARGE, tools=[WEATHER], tool_choice="any")
    assert "Paris" in got.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("spoken", [[{**C, "content": "Let me look."}], [A, C]])
def test_text_beside_tool_calls_is_taken_and_not_read(spoken):
    plain, with_text = (chat([U, *said, T], model=LARGE, tools=[WEATHER]) for said in ([C], spoken))
    assert (with_text.status, with_text.usage, with_text.text) == (200, plain.usage, plain.text)


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_begins_with_the_prefix(stream):
    question, text = {"role": "user", "content": PROMPT}, chat().text
    begun = [question, {"role": "assistant", "content": text[:30], "prefix": True}]
    continued = chat(begun, stream=stream)
    assert continued.text == text
    assert chat(begun, stream=stream, max_tokens=3).text.startswith(text[:30])
    other = chat([question, {"role": "assistant", "content": "Well,", "prefix": True}], stream=stream)
    assert other.text == f"Well, {text}"
    assert chat([question, {"role": "assistant", "content": text, "prefix": True}]).text.startswith(text)


def test_a_prefix_generates_only_what_follows():
    question, text = {"role": "user", "content": PROMPT}, chat().text
    got = chat([question, {"role": "assistant", "content": text[: len(text) // 2], "prefix": True}])
    assert 0 < got.usage[1] < chat().usage[1]


def test_without_prefix_a_last_assistant_message_is_refused():
    assert chat([U, A]).status == 400


@pytest.mark.parametrize("place", ["call", "result"])
def test_a_history_of_another_service_is_told_what_to_do_about_its_ids(place):
    called = {**C, "tool_calls": [call("call_VQ5vLLM0000000000000000" if place == "call" else "abcdefghi")]}
    result = {**T, "tool_call_id": "call_VQ5vLLM0000000000000000"}
    got = chat([U, called, result], model=LARGE, tools=[WEATHER])
    assert (got.status, got.code) == (400, "invalid_messages")
    assert "must be a-z, A-Z, 0-9, with a length of 9" in got.message
    assert "give each call and its result the same new id of nine letters and digits" in got.message


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
