"""Tools and requests that the tests of tool calling share."""

from __future__ import annotations

import json
from typing import Any

from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway.quota import Limits
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

MODEL = "mistralai-Mixtral-8x22B-Instruct-v0-1"
OTHERS = ("mistralai-Mistral-7B-Instruct-v01", "mistralai-Mixtral-8x7B-Instruct-v01")
TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}

_application = Application(Sessions(["key"], Limits(requests=10**9, tokens=10**12)))


def tool(name: str, description: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    if required is not None:
        parameters["required"] = required
    return schema_tool(parameters, name, description)


def schema_tool(parameters: Any, name: str = "record", description: str = "") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER = tool("get_weather", "Get the current weather in a given city.", ["city"], city=TEXT, unit=UNIT)
FORECAST = tool("get_weather_forecast", "Get the forecast for some days.", ["city", "days"], city=TEXT, days=WHOLE)
TIME = tool("get_time", "Get the current time in a city.", ["city"], city=TEXT)
MULTIPLY = tool("multiply", "Multiply two integers.", ["a", "b"], a=WHOLE, b=WHOLE)
ADD = tool("add", "Add two integers.", ["a", "b"], a=WHOLE, b=WHOLE)
FLIGHT = tool(
    "book_flight",
    "Book a flight.",
    ["origin", "destination"],
    origin=TEXT,
    destination=TEXT,
    date={"type": "string", "format": "date"},
    passengers=WHOLE,
)
SEARCH = tool("search", "Search the web.", ["query"], query=TEXT)
EMAIL = tool("send_email", "Send an email.", ["to", "subject"], to=TEXT, subject=TEXT, body=TEXT)
CURRENCIES = ["amount", "from_currency", "to_currency"]
CONVERT = tool("convert_currency", "Convert money.", CURRENCIES, amount=WHOLE, from_currency=TEXT, to_currency=TEXT)
PAYMENT = tool("get_payment_status", "Get the status of a payment.", ["transaction_id"], transaction_id=TEXT)


def send(messages: str | list[Any], tools: Any = (), **parameters: Any) -> Answer:
    """Send a chat completion to the application; a prompt stands for one user message."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    body = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {}), **parameters}
    headers = {"authorization": "Bearer key", "content-type": "application/json"}
    return _application.answer(Request("POST", "/v1/chat/completions", "", headers, json.dumps(body).encode()))


def answered(messages: str | list[Any], tools: Any = (), **parameters: Any) -> dict[str, Any]:
    """The body of an answer that must be a success."""
    answer = send(messages, tools, **parameters)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def message_of(messages: str | list[Any], tools: Any = (), **parameters: Any) -> dict[str, Any]:
    return answered(messages, tools, **parameters)["choices"][0]["message"]


def called(messages: str | list[Any], tools: Any = (), **parameters: Any) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of each call in an answer."""
    calls = message_of(messages, tools, **parameters)["tool_calls"] or []
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


def refused(messages: str | list[Any], tools: Any = (), **parameters: Any) -> tuple[int, str]:
    """Status and message of an error."""
    answer = send(messages, tools, **parameters)
    return answer.status, json.loads(answer.body)["message"]


def call(call_id: str = "abcdefghi", name: str = "get_weather", arguments: Any = '{"city": "Paris"}') -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: Any, content: str | None = "") -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(made)}


def result(content: Any = "22 degrees", call_id: str = "abcdefghi") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}
