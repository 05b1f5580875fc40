"""Haystack's generator for OpenAI-compatible servers."""

import os

from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack.utils import Secret

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
messages = [ChatMessage.from_user("How many languages are in the world?")]


def _generator(**more: object) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(
        api_key=Secret.from_env_var("AZURE_INFERENCE_CREDENTIAL"),
        api_base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        model=os.environ["MODEL"],
        **more,
    )


def complete_a_chat() -> None:
    assert "7,000" in _generator().run(messages)["replies"][0].text


def stream_the_answer() -> None:
    parts = []
    _generator(streaming_callback=parts.append).run(messages)
    assert "7,000" in "".join(part.content for part in parts)


def call_a_tool() -> None:
    tool = Tool("population", "How many people live in a city.", SCHEMA, function=lambda city: 1_300_000)
    generator = _generator(generation_kwargs={"tool_choice": "required"})
    question = [ChatMessage.from_user("How many people live in Kyoto?")]
    (call,) = generator.run(question, tools=[tool])["replies"][0].tool_calls
    assert call.tool_name == "population" and isinstance(call.arguments["city"], str)
