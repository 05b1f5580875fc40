"""OpenAI Agents, on chat completions: an agent, its stream, and a tool."""

import asyncio
import os

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)  # its traces would go to OpenAI


def _agent(**more: object) -> Agent:
    client = AsyncOpenAI(
        base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1", api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"]
    )
    return Agent("Cook", model=OpenAIChatCompletionsModel(os.environ["MODEL"], client), **more)


def complete_a_chat() -> None:
    assert "7,000" in Runner.run_sync(_agent(), "How many languages are in the world?").final_output


def stream_the_answer() -> None:
    async def stream() -> int:
        result = Runner.run_streamed(_agent(), "How many languages are in the world?")
        return len([event async for event in result.stream_events() if event.type == "raw_response_event"])

    assert asyncio.run(stream()) > 10


def call_a_tool() -> None:
    asked = []

    @function_tool
    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    agent = _agent(tools=[population], tool_use_behavior="run_llm_again")
    assert Runner.run_sync(agent, "Use the tool population for the city of Kyoto.").final_output
    assert asked and all(isinstance(city, str) for city in asked)
