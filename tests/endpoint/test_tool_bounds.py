"""What a client's tools ask for is refused or answered within a budget of steps, whatever the schema."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tool_requests import WEATHER, called, calls, refused, result, schema_tool, send

from mistral_on_azure.endpoint.models.conversation import MOST_MESSAGES, MOST_PARTS, MOST_TOOLS
from mistral_on_azure.endpoint.models.tools import arguments, tool_choice
from mistral_on_azure.endpoint.models.tools.patterns import Pattern, Steps, Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema

USER = {"role": "user", "content": "Hello"}
pytestmark = pytest.mark.timeout(60)  # what is bounded takes some hundredths of a second
PROMPT = f"What is the weather in Paris? {'a' * 28} {'b ' * 500}"


def city(schema: Any, **more: Any) -> dict[str, Any]:
    """A tool whose one required parameter has a schema."""
    return schema_tool({"type": "object", "properties": {"city": schema}, "required": ["city"], **more}, "get_weather")


def chain(keyword: str) -> dict[str, Any]:
    """A tool whose references double at each of sixteen links."""
    links = {f"d{at}": {keyword: [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(16)}
    return city({"$ref": "#/$defs/d0"}, **{"$defs": {**links, "d16": {"type": "string"}}})


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return city(schema)


def pattern(source: str) -> dict[str, Any]:
    return city({"type": "string", "pattern": source})


HOSTILE = {
    "a pattern that backtracks": [pattern(r"^([a-z]+)*\d$")],
    "a pattern with alternatives that overlap": [pattern(r"^(a|aa)+$|^(a*)*b$|(x+x+)+y")],
    "a pattern in a pattern": [pattern("(" * 400 + ")" * 400)],
    "repetitions that multiply": [pattern("^(((a{0,99}){0,99}){0,99}){0,99}b$")],
    "a repetition of nothing": [pattern("(?:){4294967294}x")],
    "a set of all characters in any case": [pattern("(?i)[" + "\x01-\U0010ffff" * 300 + "]")],
    "a look-behind": [pattern("(?<=aaaa)b")],
    "back references": [pattern(r"^(a*)*(a*)\1(a*)\2$")],
    "many patterns": [
        schema_tool(
            {
                "type": "object",
                "properties": {f"p{at}": {"type": "string", "pattern": r"^([a-z]+)*\d$"} for at in range(400)},
                "required": [f"p{at}" for at in range(400)],
            },
            "get_weather",
        )
    ],
    **{f"a chain of {keyword}": [chain(keyword)] for keyword in ("allOf", "anyOf", "oneOf")},
    "a large enumeration": [city({"enum": [f"x{at}" for at in range(5_000)]})],
    "a member everywhere": [city({"enum": ["b"]})],
    "deep nesting": [nested(25)],
    "recursion": [
        schema_tool(
            {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
            "get_weather",
        )
    ],
    "a list of a thousand million items": [city({"type": "array", "minItems": 10**9, "items": {"type": "string"}})],
    "lists in lists": [city({"type": "array", "minItems": 100, "items": {"type": "array", "minItems": 100}})],
    "a text of a thousand million characters": [city({"type": "string", "minLength": 10**9})],
    "a number beyond all bounds": [city({"type": "integer", "minimum": 10**4000})],
    "many required parameters": [
        schema_tool({"type": "object", "required": [f"x{at}" for at in range(5_000)]}, "get_weather")
    ],
    "many anchors": [
        schema_tool(
            {
                "type": "object",
                "properties": {f"a{at}": {"$ref": f"#n{at}", "$anchor": f"n{at}"} for at in range(1_500)},
            }
        )
    ],
    "many tools": [schema_tool({}, f"get_weather_{at}") for at in range(MOST_TOOLS)],
}


@pytest.mark.parametrize("tools", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("choice", ["auto", "any"])
def test_hostile_tools_are_answered_or_refused_in_one_line(tools, choice):
    answer = send(PROMPT, tools, tool_choice=choice)
    body = json.loads(answer.body)
    assert answer.status in (200, 400, 422)
    if answer.status == 200 and (made := body["choices"][0]["message"]["tool_calls"]):
        assert len(made) <= tool_choice.MOST_CALLS
    elif answer.status != 200:
        assert "\n" not in body["message"] and len(body["message"]) < 300


@pytest.mark.parametrize("prompt", ["Weather in " + "A, " * 2_600, 'weather "' * 900, "Weather, get_weather. " * 400])
def test_hostile_prompts_get_a_bounded_number_of_calls(prompt):
    assert len(called(prompt, [WEATHER], tool_choice="any")) <= tool_choice.MOST_CALLS


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ([WEATHER] * (MOST_TOOLS + 1), f"at most {MOST_TOOLS} tools"),
        ([city({"enum": [*range(MOST_PARTS)]})], f"more than {MOST_PARTS} values"),
        ([city({"description": "x" * 100 * MOST_PARTS})], f"more than {MOST_PARTS} values"),
        ([nested(200)], "nested too deeply"),
        ([city({"default": json.loads("[" * 300 + "]" * 300)})], "nested too deeply"),
        ([pattern("a|" * 1_000)], "more than 1000 characters"),
        ([city({"type": [[1]]})], "type is [[1]]"),
        ([city({"minLength": -1})], "minLength is -1"),
        ([city({"$ref": "#/properties/" * 20})], "leads to no schema"),
    ],
)
def test_what_is_too_large_or_no_schema_is_refused_before_it_is_worked_on(tools, message):
    for choice in ("auto", "any"):
        status, text = refused(PROMPT, tools, tool_choice=choice)
        assert status == 400 and message in text


def test_conversations_have_a_bounded_number_of_messages():
    talk = [USER, calls(), result()] * (MOST_MESSAGES // 3 + 1)
    assert refused(talk, [WEATHER]) == (
        400,
        f"A conversation with tools has at most {MOST_MESSAGES} messages and tool calls.",
    )


def test_a_budget_ends_the_work_and_is_shared():
    steps = Steps(1_000)
    hostile = Pattern(r"^([a-z]+)*\d$", steps)
    with pytest.raises(Unsatisfiable, match="more than 1000 steps"):
        for _ in range(1_000):
            hostile.matches("a" * 28)
    with pytest.raises(Unsatisfiable, match="more than 1000 steps"):
        Pattern("a", steps).matches("a")


@pytest.mark.parametrize(("letters", "most"), [(28, 2_000), (280, 200_000)])
def test_a_pattern_that_backtracks_takes_polynomial_steps(letters, most):
    steps = Steps(10**9)
    assert not Pattern(r"^([a-z]+)*\d$", steps).matches("a" * letters)
    assert steps.most - steps.left < most


def referenced(schema: dict[str, Any], times: int = 300) -> dict[str, Any]:
    """A tool with so many required properties, each a reference to the same schema."""
    names = [f"p{at}" for at in range(times)]
    properties = {name: {"$ref": "#/$defs/x"} for name in names}
    return schema_tool({"type": "object", "properties": properties, "required": names, "$defs": {"x": schema}}, "go")


@pytest.mark.parametrize(
    ("keyword", "why"), [("const", "more than 15000 steps"), ("default", "more than 100,000 characters")]
)
def test_a_long_text_that_is_referenced_many_times_is_not_written_as_often(keyword, why, monkeypatch):
    written = []
    monkeypatch.setattr(
        tool_choice, "_written", lambda *given, real=tool_choice._written: written.append(1) or real(*given)
    )
    status, text = refused("go", [referenced({keyword: "zq " * 10_000})], tool_choice="any")
    assert status == 422 and why in text
    assert len(called("go", [referenced({keyword: "zq "}, 30)], tool_choice="any")) == 1
    with pytest.raises(Unsatisfiable, match=r"100,000 characters"):
        tool_choice._written({"a": ["zq " * 10_000] * 10**6}, 100_000)


def test_a_member_that_is_longer_than_the_text_is_not_looked_for_in_it(monkeypatch):
    looked = []
    monkeypatch.setattr(
        arguments.re, "sub", lambda *given, real=arguments.re.sub: looked.append(given[2]) or real(*given)
    )
    send("go", [city({"enum": ["zq " * 10_000, "b"]})], tool_choice="any")
    assert looked and max(map(len, looked)) <= 100


def test_a_plan_takes_no_more_bytes_than_it_says():
    """Plans are kept within a number of bytes: as text takes up to four a character."""
    plan = tool_choice.Plan([("tool", "😀" * 100_000)], "😀" * 1_000)
    assert plan.size >= sum(map(sys.getsizeof, (*plan.calls[0], plan.question, plan.calls, plan)))


PARTS = st.sampled_from(
    ["a", "b", "[ab]", "[^a]", ".", r"\d", r"\w", "(?:ab|a)", "(a|b)", r"\b", "^", "$", "(?=b)", "(?!b)"]
)
PATTERNS = st.lists(st.tuples(PARTS, st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}"])), max_size=4).map(
    lambda parts: "".join(part + (times if part not in ("^", "$", r"\b") else "") for part, times in parts)
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("ab1 ", max_size=6))
def test_patterns_match_what_the_standard_library_matches(source, text):
    expected = Draft202012Validator({"pattern": source}).is_valid(text)
    assert Pattern(source, Steps(100_000)).matches(text) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "number", ["integer", "null"]]),
            "properties": st.just({"a": {"type": "string", "pattern": "^a+$"}, "b": {"$ref": "#/properties/a"}}),
            "patternProperties": st.just({"^c": {"type": "integer"}}),
            "additionalProperties": st.sampled_from([False, {"type": "string"}]),
            "required": st.sampled_from([["a"], ["a", "b"]]),
            "minLength": st.just(2),
            "items": st.just({"type": "integer"}),
            "uniqueItems": st.just(True),
            "allOf": st.just([{"not": {"const": "aa"}}]),
        },
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "aa", "b"]),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), inner, max_size=3)
        ),
        max_leaves=4,
    ),
)
def test_values_fit_where_jsonschema_says_so(schema, value):
    read = ToolSchema({"properties": {"a": {"type": "string", "pattern": "^a+$"}}, **schema}, Steps(100_000))
    expected = Draft202012Validator({"properties": {"a": {"type": "string", "pattern": "^a+$"}}, **schema})
    assert read.fits(read.root, value) == expected.is_valid(value)
