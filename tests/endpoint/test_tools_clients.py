"""Tool calling with the real clients over a real socket: a question, two calls, their results, an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel
from tool_requests import MODEL, WEATHER

PROMPT = "What is the weather in Paris and in Rome?"
MESSAGES: list[Any] = [{"role": "user", "content": PROMPT}]
CITIES = [{"city": "Paris"}, {"city": "Rome"}]
RESULTS = {"Paris": "18 degrees", "Rome": "24 degrees"}
REPORT = "The tool get_weather returned: 18 degrees\nThe tool get_weather returned: 24 degrees"


class Person(BaseModel):
    """Information about a person."""

    name: str
    age: int


def get_weather(city: str) -> str:
    """Get the current weather in a given city."""
    return RESULTS[city]


def answers(calls: list[Any]) -> list[dict[str, str]]:
    """The tool messages that answer calls, as the clients with OpenAI's shapes write them."""
    return [
        {"role": "tool", "tool_call_id": call.id, "content": get_weather(**json.loads(call.function.arguments))}
        for call in calls
    ]


def test_openai(local):
    from openai import OpenAI

    with OpenAI(base_url=f"{local.url}/v1", api_key=local.key) as client:
        first = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[WEATHER]).choices[0]
        calls = first.message.tool_calls
        assert first.finish_reason == "tool_calls"
        assert [json.loads(call.function.arguments) for call in calls] == CITIES
        talk = [*MESSAGES, first.message, *answers(calls)]
        second = client.chat.completions.create(model=MODEL, messages=talk, tools=[WEATHER])
        assert second.choices[0].message.content == REPORT
        parsed = client.chat.completions.create(
            model=MODEL,
            messages=MESSAGES,
            tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "get_weather"}},
            parallel_tool_calls=False,
        )
        assert len(parsed.choices[0].message.tool_calls) == 1


def test_openai_streaming(local):
    from openai import OpenAI

    with OpenAI(base_url=f"{local.url}/v1", api_key=local.key) as client:
        whole = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[WEATHER]).choices[0].message
        with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=[WEATHER]) as events:
            for _ in events:
                pass
            choice = events.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [call.id for call in choice.message.tool_calls] == [call.id for call in whole.tool_calls]
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls] == CITIES


@pytest.fixture
def langchain_model(local):
    from langchain_mistralai import ChatMistralAI

    return ChatMistralAI(model=MODEL, endpoint=f"{local.url}/v1", api_key=local.key)


def test_langchain(langchain_model):
    from langchain_core.messages import HumanMessage, ToolMessage

    model = langchain_model.bind_tools([get_weather])
    first = model.invoke([HumanMessage(PROMPT)])
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("get_weather", city) for city in CITIES]
    results = [ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    assert model.invoke([HumanMessage(PROMPT), first, *results]).content == REPORT
    streamed = list(model.stream(PROMPT))
    assert sum(streamed[1:], streamed[0]).tool_calls == first.tool_calls


def test_langchain_structured_output(langchain_model, local):
    structured = langchain_model.with_structured_output(Person, method="function_calling")
    assert structured.invoke("Alice is 30 years old.") == Person(name="Alice", age=30)
    assert json.loads(local.exchanges()[0]["body"])["tool_choice"] == "any"


def test_langchain_agent(langchain_model):
    from langchain.agents import create_agent

    talk = create_agent(langchain_model, [get_weather]).invoke({"messages": MESSAGES})["messages"]
    assert [message.type for message in talk] == ["human", "ai", "tool", "tool", "ai"]
    assert talk[-1].content == REPORT


def test_mistralai(local):
    from mistralai.client import Mistral

    with Mistral(server_url=local.url, api_key=local.key) as client:
        first = client.chat.complete(model=MODEL, messages=MESSAGES, tools=[WEATHER], tool_choice="any").choices[0]
        calls = first.message.tool_calls
        assert first.finish_reason == "tool_calls"
        assert [json.loads(call.function.arguments) for call in calls] == CITIES
        talk = [*MESSAGES, first.message, *answers(calls)]
        second = client.chat.complete(model=MODEL, messages=talk, tools=[WEATHER])
        assert second.choices[0].message.content == REPORT
        with client.chat.stream(model=MODEL, messages=MESSAGES, tools=[WEATHER]) as events:
            choices = [event.data.choices[0] for event in events]
    streamed = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert [(call.id, call.index) for call in streamed] == [(calls[0].id, 0), (calls[1].id, 1)]
    assert choices[-1].finish_reason == "tool_calls"


def test_azure_ai_inference(local):
    from azure.ai.inference import ChatCompletionsClient, models
    from azure.core.credentials import AzureKeyCredential

    function = models.FunctionDefinition(**WEATHER["function"])
    tools = [models.ChatCompletionsToolDefinition(function=function)]
    talk: list[Any] = [models.UserMessage(PROMPT)]
    with ChatCompletionsClient(local.url, AzureKeyCredential(local.key), model=MODEL) as client:
        first = client.complete(messages=talk, tools=tools, tool_choice=models.ChatCompletionsToolChoicePreset.REQUIRED)
        calls = first.choices[0].message.tool_calls
        assert first.choices[0].finish_reason == models.CompletionsFinishReason.TOOL_CALLS
        assert [json.loads(call.function.arguments) for call in calls] == CITIES
        talk += [
            models.AssistantMessage(tool_calls=calls),
            *(models.ToolMessage(each["content"], tool_call_id=each["tool_call_id"]) for each in answers(calls)),
        ]
        assert client.complete(messages=talk, tools=tools).choices[0].message.content == REPORT
        chunks = list(client.complete(messages=talk[:1], tools=tools, stream=True))
    streamed = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.id for call in streamed] == [call.id for call in calls]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_litellm(local):
    import litellm

    def complete(messages: list[Any], **more: Any) -> Any:
        where = {"model": f"azure_ai/{MODEL}", "api_base": local.url, "api_key": local.key}
        return litellm.completion(**where, messages=messages, tools=[WEATHER], **more)

    first = complete(MESSAGES, tool_choice="required", allowed_openai_params=["tool_choice"]).choices[0]
    calls = first.message.tool_calls
    assert first.finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in calls] == CITIES
    assert complete([*MESSAGES, first.message, *answers(calls)]).choices[0].message.content == REPORT
    chunks = list(complete(MESSAGES, stream=True))
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES).choices[0]
    assert [(call.id, json.loads(call.function.arguments)) for call in whole.message.tool_calls] == [
        (call.id, json.loads(call.function.arguments)) for call in calls
    ]


@pytest.mark.parametrize("path", ["/chat/completions", "/models/chat/completions", "/v1/chat/completions"])
def test_raw_requests(local, path):
    import requests

    body = {"model": MODEL, "messages": MESSAGES, "tools": [WEATHER], "tool_choice": "auto"}
    headers = {"Authorization": f"Bearer {local.key}"}
    choice = requests.post(local.url + path, json=body, headers=headers, timeout=30).json()["choices"][0]
    assert [json.loads(call["function"]["arguments"]) for call in choice["message"]["tool_calls"]] == CITIES
