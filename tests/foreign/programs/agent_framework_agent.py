"""Agent Framework, on chat completions: an agent, its stream, and a tool."""

import asyncio
import os
from typing import Annotated

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient


def _agent(**more: object) -> Agent:
    client = OpenAIChatCompletionClient(
        model=os.environ["MODEL"],
        base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"],
    )
    return Agent(client, **more)


def complete_a_chat() -> None:
    assert "7,000" in asyncio.run(_agent().run("How many languages are in the world?")).text


def stream_the_answer() -> None:
    async def stream() -> list[str]:
        return [part.text async for part in _agent().run("How many languages are in the world?", stream=True)]

    parts = asyncio.run(stream())
    assert len(parts) > 3 and "7,000" in "".join(parts)


def call_a_tool() -> None:
    asked = []

    def population(city: Annotated[str, "The city's name"]) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    assert asyncio.run(_agent(tools=[population]).run("Use the tool population for the city of Kyoto.")).text
    assert asked and all(isinstance(city, str) for city in asked)
