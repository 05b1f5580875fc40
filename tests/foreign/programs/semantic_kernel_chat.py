"""Semantic Kernel, by its connectors for OpenAI and for Azure AI Inference."""

import asyncio
import os

from openai import AsyncOpenAI
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function

ENDPOINT, KEY = os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]
QUESTION = "How many languages are in the world?"


def _service() -> OpenAIChatCompletion:
    return OpenAIChatCompletion(os.environ["MODEL"], async_client=AsyncOpenAI(base_url=f"{ENDPOINT}/v1", api_key=KEY))


def _history(question: str = QUESTION) -> ChatHistory:
    history = ChatHistory()
    history.add_user_message(question)
    return history


def complete_a_chat() -> None:
    settings = OpenAIChatPromptExecutionSettings(max_tokens=128)
    assert "7,000" in str(asyncio.run(_service().get_chat_message_content(_history(), settings)))


def stream_the_answer() -> None:
    async def stream() -> str:
        parts = _service().get_streaming_chat_message_content(_history(), OpenAIChatPromptExecutionSettings())
        return "".join([str(part) async for part in parts])

    assert "7,000" in asyncio.run(stream())


def call_a_tool() -> None:
    asked = []

    class City:
        @kernel_function(description="How many people live in a city.")
        def population(self, city: str) -> int:
            asked.append(city)
            return 1_300_000

    kernel = Kernel()
    kernel.add_plugin(City(), "city")
    settings = OpenAIChatPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    history = _history("Use city-population for the city of Kyoto.")
    assert str(asyncio.run(_service().get_chat_message_content(history, settings, kernel=kernel)))
    assert asked and all(isinstance(city, str) for city in asked)
