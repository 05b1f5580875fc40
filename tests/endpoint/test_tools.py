"""Tool calling: which tools are called, how the calls are written, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tool_requests import (
    ADD,
    CONVERT,
    EMAIL,
    FLIGHT,
    FORECAST,
    MODEL,
    MULTIPLY,
    PAYMENT,
    SEARCH,
    TIME,
    WEATHER,
    answered,
    call,
    called,
    calls,
    message_of,
    result,
    send,
    tool,
)

BOTH = "What is the weather in Paris and in Rome?"
USER = {"role": "user", "content": BOTH}
NAMED = {"type": "function", "function": {"name": "get_time"}}


def cities(*names: str, tool: str = "get_weather") -> list[tuple[str, dict[str, str]]]:
    return [(tool, {"city": name}) for name in names]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (BOTH, cities("Paris", "Rome")),
        ("What's the weather like today in Paris", cities("Paris")),
        ("What will the weather be in São Paulo tomorrow?", cities("São Paulo")),
        ("What is the weather of New York, San Francisco and Chicago?", cities("New York", "San Francisco", "Chicago")),
        ("Weather for Rome, Milan, and in Oslo", cities("Rome", "Milan", "Oslo")),
        ("What is the weather in Paris on Monday?", cities("Paris")),
        ("What's the weather in San Francisco, CA?", cities("San Francisco, CA")),
        ("Austin, TX, and its weather", cities("Austin, TX")),
        ("The weather in Austin, AB@example.com asks", cities("Austin")),
        ("Is San Francisco, CA sunny? The weather, please.", cities("San Francisco, CA")),
        ("Tell me the Weather in Paris", cities("Paris")),
        ("I am in Paris. How is the weather?", cities("Paris")),
        (
            "The weather in Paris and Rome, in celsius",
            [("get_weather", {"city": city, "unit": "celsius"}) for city in ("Paris", "Rome")],
        ),
        (
            "What is the weather in Paris and what time is it in Tokyo?",
            cities("Paris") + cities("Tokyo", tool="get_time"),
        ),
        ("In Paris, what's the weather and the time?", cities("Paris") + cities("Paris", tool="get_time")),
        ("Multiply 3 by 12. Also, add 11 and 49.", [("multiply", {"a": 3, "b": 12}), ("add", {"a": 11, "b": 49})]),
        ("Add 11 and 49, and multiply 3 by 12.", [("add", {"a": 11, "b": 49}), ("multiply", {"a": 3, "b": 12})]),
        ("add 3 and 4", [("add", {"a": 3, "b": 4})]),
        (
            "Book a flight from Paris to Rome on 2026-12-24 for 2 passengers",
            [("book_flight", {"origin": "Paris", "destination": "Rome", "date": "2026-12-24", "passengers": 2})],
        ),
        (
            "Book me a flight, destination Rome, origin Oslo",
            [("book_flight", {"origin": "Oslo", "destination": "Rome"})],
        ),
        ("Search for news about Mistral AI", [("search", {"query": "Search for news about Mistral AI"})]),
        ('Search "open models"', [("search", {"query": "open models"})]),
        (
            'Email bob@example.com with the subject "Lunch"',
            [("send_email", {"to": "bob@example.com", "subject": "Lunch"})],
        ),
        (
            'Email bob@example.com with the subject "Lunch" and the body "See you at noon"',
            [("send_email", {"to": "bob@example.com", "subject": "Lunch", "body": "See you at noon"})],
        ),
        (
            "Convert 100 USD to EUR",
            [("convert_currency", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})],
        ),
        ("What is the payment status of transaction T1001?", [("get_payment_status", {"transaction_id": "T1001"})]),
        ("Weather forecast for Rome for 3 days", [("get_weather_forecast", {"city": "Rome", "days": 3})]),
    ],
)
def test_arguments_stand_in_the_prompt(prompt, expected):
    tools = [WEATHER, FORECAST, TIME, MULTIPLY, ADD, FLIGHT, SEARCH, EMAIL, PAYMENT, CONVERT]
    assert called(prompt, tools) == expected


def test_values_come_from_the_rest_of_the_conversation_too():
    talk = [
        {"role": "user", "content": "I live in Lyon."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "What is the weather where I live?"},
    ]
    assert called(talk, [WEATHER]) == cities("Lyon")
    talk[0] = {"role": "user", "content": "I have 2 cats. They live in order 12, in celsius."}
    track = tool("get_weather", "", ["order"], order={"type": "integer"}, unit={"enum": ["celsius"]})
    assert called(talk, [track]) == [("get_weather", {"order": 12})]  # what is optional stands in the prompt


def test_a_required_parameter_goes_before_an_optional_one():
    date = {"type": "string", "format": "date"}
    book = tool("book", "", ["leaves"], returns=date, leaves=date)
    assert called("Book it on 2026-12-24", [book]) == [("book", {"leaves": "2026-12-24"})]


def test_a_tool_is_called_by_a_word_of_its_name_and_not_of_its_description():
    track = tool("track", "Look up where a parcel of the postal service is.", parcel={"type": "integer"})
    assert called("Has the postal service got parcel 1042?", [track]) == []
    assert called("Please track parcel 1042.", [track]) == [("track", {"parcel": 1042})]
    assert called("What is this?", [tool("help", "Say what this does.")]) == []


@pytest.mark.parametrize("prompt", ["How many languages are in the world?", "Hello!", "How do I get there?", ""])
def test_a_prompt_no_tool_fits_is_answered_in_text(prompt):
    choice = answered(prompt, [WEATHER, TIME, ADD])["choices"][0]
    assert choice["message"]["tool_calls"] is None and choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == message_of(prompt)["content"]


def test_the_shape_of_calls():
    body = answered(BOTH, [WEATHER])
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] == ""
    first, second = choice["message"]["tool_calls"]
    assert first["type"] == "function" and first["function"]["arguments"] == '{"city": "Paris"}'
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", each["id"]) for each in (first, second))
    assert first["id"] != second["id"]
    assert choice["logprobs"] is None


def test_the_same_request_gets_the_same_calls_and_each_choice_its_own_ids():
    assert message_of(BOTH, [WEATHER]) == message_of(BOTH, [WEATHER])
    choices = answered(BOTH, [WEATHER], n=3)["choices"]
    assert len({each["id"] for choice in choices for each in choice["message"]["tool_calls"]}) == 6


def test_tool_choice():
    assert called(BOTH, [WEATHER], tool_choice="none") == []
    assert called(BOTH, [WEATHER], tool_choice="auto") == cities("Paris", "Rome")
    for forced in ("required", "any"):
        assert called("Hello from Paris", [WEATHER], tool_choice=forced) == cities("Paris")
    assert called(BOTH, [WEATHER, TIME], tool_choice=NAMED) == cities("Paris", "Rome", tool="get_time")
    assert called("How are you?", [WEATHER], tool_choice="required") == cities("unknown")


@pytest.mark.parametrize("prompt", ["What is the weather?", "weather in new york?", "Paris weather", "Weather, 5 days"])
def test_a_city_is_asked_for_where_no_name_stands(prompt):
    assert called(prompt, [WEATHER]) == []
    assert "what is the city?" in message_of(prompt, [WEATHER])["content"]
    lax = tool("get_weather", "", ["city"], city={"type": "string", "pattern": "^[A-Za-z ]+$"})
    assert called(prompt, [lax]) == []


def test_a_required_argument_that_nobody_gave_is_asked_for():
    choice = answered("What is the weather?", [WEATHER])["choices"][0]
    assert choice["message"]["tool_calls"] is None and choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == (
        "To call get_weather I need more than the conversation says: what is the city?"
    )
    assert called("What is the weather?", [WEATHER], tool_choice="any") == cities("unknown")
    talk = [
        {"role": "user", "content": "What is the weather?"},
        {"role": "assistant", "content": choice["message"]["content"]},
        {"role": "user", "content": "The weather in Oslo, please."},
    ]
    assert called(talk, [WEATHER]) == cities("Oslo")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "default": "Paris"}, "Paris"),
        ({"enum": ["only"]}, "only"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"const": 5}, 5),
    ],
)
def test_nothing_is_asked_for_where_the_schema_answers(schema, value):
    assert called("The weather?", [tool("get_weather", "", ["place"], place=schema)]) == [
        ("get_weather", {"place": value})
    ]


def test_a_question_names_everything_that_is_missing_and_gives_way_to_the_script():
    amounts = message_of("Convert it", [CONVERT])
    assert amounts["content"].endswith("what is the amount and from currency and to currency?")
    prompt = "Which one has the most native speakers?"
    speakers = tool("native_speakers", "", ["language"], language={"type": "string"})
    assert message_of(prompt, [speakers])["content"] == message_of(prompt)["content"]


def test_what_the_notebooks_ask():
    speakers = tool(
        "native_speakers",
        "Look up how many people speak a language natively.",
        ["language"],
        language={"type": "string", "description": "In English"},
    )
    assert called("How many native speakers do Spanish and Bengali have?", [speakers]) == [
        ("native_speakers", {"language": "Spanish"}),
        ("native_speakers", {"language": "Bengali"}),
    ]


def test_parallel_calls_can_be_forbidden():
    assert called(BOTH, [WEATHER], parallel_tool_calls=False) == cities("Paris")


def test_of_tools_with_a_word_in_common_the_best_is_called():
    create = tool("create_event", "Create an event", [])
    delete = tool("delete_event", "Delete an event", [])
    assert called("Delete the event", [create, delete]) == [("delete_event", {})]


def test_results_are_reported():
    talk = [
        USER,
        calls(call(), call("bbbbbbbbb")),
        result('{"t": 22}', "bbbbbbbbb"),
        result([{"type": "text", "text": "a"}]),
    ]
    choice = answered(talk, [WEATHER])["choices"][0]
    assert choice["message"]["content"] == 'The tool get_weather returned: {"t": 22}\nThe tool get_weather returned: a'
    assert choice["finish_reason"] == "stop" and choice["message"]["tool_calls"] is None
    assert message_of(talk)["content"] == choice["message"]["content"]  # tools need not be sent again
    assert answered(talk, [WEATHER], max_tokens=3)["choices"][0]["finish_reason"] == "length"


def test_a_tool_that_must_be_called_after_results_is_a_new_one_if_there_is_one():
    talk = [USER, calls(call(), call("bbbbbbbbb")), result(), result(call_id="bbbbbbbbb")]
    assert called(talk, [WEATHER, TIME], tool_choice="any") == cities("Paris", "Rome", tool="get_time")
    assert called(talk, [WEATHER], tool_choice="any") == cities("Paris", "Rome")


def test_what_clients_add_to_messages_is_ignored():
    reply = {**message_of("What is the weather in Paris?", [WEATHER]), "refusal": None, "annotations": []}
    reply["tool_calls"] = [{**each, "index": 0} for each in reply["tool_calls"]]
    done = {**result(call_id=reply["tool_calls"][0]["id"]), "name": "get_weather", "artifact": 1}
    assert message_of([USER, reply, done], [WEATHER])["content"] == "The tool get_weather returned: 22 degrees"


@pytest.mark.parametrize("limit", [1, 2, 20])
def test_calls_cut_short_are_text(limit):
    whole = answered(BOTH, [WEATHER])
    body = answered(BOTH, [WEATHER], max_tokens=limit, logprobs=True)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "length" and choice["message"]["tool_calls"] is None
    assert len(choice["logprobs"]["content"]) == body["usage"]["completion_tokens"] == limit
    assert '[{"name": "get_weather"'.startswith(choice["message"]["content"][:23])
    enough = answered(BOTH, [WEATHER], max_tokens=whole["usage"]["completion_tokens"])
    assert enough["choices"][0]["message"] == whole["choices"][0]["message"]


def test_streamed_calls_are_whole_calls():
    answer = send(BOTH, [WEATHER], stream=True)
    *chunks, done = [event.decode().removeprefix("data: ").strip() for event in answer.events]
    choices = [json.loads(chunk)["choices"][0] for chunk in chunks]
    streamed = [delta for choice in choices for delta in choice["delta"].get("tool_calls", ())]
    assert done == "[DONE]" and choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [each.pop("index") for each in streamed] == [0, 1]
    assert streamed == message_of(BOTH, [WEATHER])["tool_calls"]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "tool_calls"]
    assert json.loads(chunks[-1])["usage"] == answered(BOTH, [WEATHER])["usage"]


def test_parameters_may_be_missing():
    bare = {"type": "function", "function": {"name": "get_weather", "description": None, "strict": True}}
    assert called("The weather?", [bare]) == [("get_weather", {})]
    assert answered("Hello", [bare], model=MODEL)["usage"]["prompt_tokens"] > 0


def test_only_requests_with_tools_pay_for_them():
    """jsonschema and mistral-common take most of a second to import, which a plain request must not wait for."""
    program = (
        "import sys, tool_requests as t; t.answered('Hello'); "
        "print([name for name in ('jsonschema', 'mistral_common') if name in sys.modules]); "
        "t.answered('Hello', [t.WEATHER]); print('jsonschema' in sys.modules)"
    )
    here = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "check": True}
    printed = subprocess.run([sys.executable, "-c", program], **here).stdout
    assert printed.split("\n")[:2] == ["[]", "True"]
