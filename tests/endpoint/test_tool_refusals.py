"""Tool calling: which tools, choices and messages are refused, and with what words."""

from __future__ import annotations

import pytest
from tool_requests import OTHERS, WEATHER, call, called, calls, refused, result, schema_tool, send

BOTH = "What is the weather in Paris and in Rome?"
USER = {"role": "user", "content": BOTH}
NAMED = {"type": "function", "function": {"name": "get_time"}}


@pytest.mark.parametrize(
    ("tools", "choice", "status", "message"),
    [
        ([WEATHER], {"type": "function", "function": {"name": "get_wether"}}, 400, "'get_wether', which is not among"),
        ([], "required", 400, "`tools` must be set"),
        ([], NAMED, 400, "`tools` must be set"),
        ([WEATHER], "sometimes", 422, "none, auto, required, any"),
        ([WEATHER], 5, 422, "none, auto, required, any"),
        ([WEATHER], {"type": "function"}, 422, "function's name"),
        ([WEATHER], {"type": "function", "function": {"name": 5}}, 422, "must name a function"),
    ],
)
def test_a_wrong_tool_choice_is_refused(tools, choice, status, message):
    refusal = refused(BOTH, tools, tool_choice=choice)
    assert refusal[0] == status and message in refusal[1]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([result()], "must start with a user message"),
        ([USER, calls(call(), call("bbbbbbbbb")), result()], "Not the same number of function calls and responses"),
        ([USER, calls(call()), result(call_id="zzzzzzzzz")], "Unexpected tool call id zzzzzzzzz"),
        ([USER, calls(call(), call("bbbbbbbbb")), result(), result()], "Unexpected tool call id abcdefghi"),
        ([USER, calls(call()), USER], "Not the same number of function calls and responses"),
        ([USER, calls(call())], "Expected last role User or Tool"),
        ([USER, calls(call("short")), result(call_id="short")], "with a length of 9"),
        ([USER, calls(call()), {"role": "tool", "content": "x"}], "Tool call id has to be defined"),
        ([USER, calls(call(arguments=5)), result()], "arguments: Input should be a valid string"),
        ([USER, calls(call(arguments="[" * 100_000)), result()], "nested too deeply"),
        ([USER, calls(call(arguments='"\\ud800"')), result()], "cannot be read"),
        ([USER, calls(call(arguments="1" * 5000)), result()], "cannot be read"),
        ([USER, calls(5), result()], "tool_calls.0"),
        ([USER, calls(call()), result(None)], "valid string"),
        ([USER, calls(call()), result(), USER], "Unexpected role 'user' after role 'tool'"),
        ([calls(call()), result(), USER], "Not the same number of function calls and responses"),
        ([{"role": "assistant", "content": "Hello."}, USER, calls(call()), result()], "must start with a user message"),
    ],
)
def test_messages_that_break_the_rules_are_refused(messages, message):
    for tools in ([WEATHER], []):
        refusal = refused(messages, tools)
        assert refusal[0] == 400 and message in refusal[1]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (5, "tools.0"),
        ({"type": "function"}, "tools.0"),
        ({"type": "function", "function": {}}, "tools.0.function.name"),
        ({"type": "retrieval", "function": {"name": "f"}}, "tools.0.type"),
        (schema_tool({}, "no spaces"), "Function name was no spaces"),
        (schema_tool([]), "valid dictionary"),
        (schema_tool({"type": "nope"}), "Invalid tool schema"),
        (schema_tool({"type": "array"}), "must be object"),
        (schema_tool({"type": "object", "properties": {"a": {"pattern": "("}}}), "regex"),
        (schema_tool({"$ref": "#/$defs/missing"}), "leads to no schema"),
        (schema_tool({"$ref": "http://127.0.0.1:1/schema"}), "leads to no schema"),
        (schema_tool({"$ref": "#"}), "are circular"),
    ],
)
def test_wrong_tools_are_refused(definition, message):
    for choice in ("auto", "any"):
        status, text = refused("Hello", [definition], tool_choice=choice)
        assert status == 400 and message in text


def test_a_schema_nothing_fits():
    impossible = schema_tool({"type": "object", "required": ["a"], "properties": {"a": {"not": {}}}}, "get_weather")
    assert refused(BOTH, [impossible], tool_choice="any")[0] == 422
    assert called(BOTH, [impossible]) == []  # of its own accord the model does not call what it cannot call


@pytest.mark.parametrize("model", OTHERS)
def test_other_deployments_refuse_tools(model):
    assert refused(BOTH, [WEATHER], model=model) == (422, f"{model} cannot call tools.")
    assert refused([USER, calls(call()), result()], model=model) == (422, f"{model} cannot call tools.")
    assert send(BOTH, model=model, tools=[]).status == 200
