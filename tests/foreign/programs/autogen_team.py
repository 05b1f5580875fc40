"""AutoGen, by its clients for OpenAI's API and for Azure AI Inference: answers, an agent with a tool, and a team."""

import asyncio
import os
from collections.abc import Callable

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ChatCompletionClient, UserMessage
from autogen_ext.models.azure import AzureAIChatCompletionClient
from autogen_ext.models.openai import OpenAIChatCompletionClient
from azure.core.credentials import AzureKeyCredential

ENDPOINT, KEY = os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]
QUESTION = "How many languages are in the world?"
MODEL = {
    "model": os.environ["MODEL"],
    "model_info": {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "structured_output": False,
        "family": "mistral",
    },
}


def _client() -> ChatCompletionClient:
    return OpenAIChatCompletionClient(base_url=f"{ENDPOINT}/v1", api_key=KEY, **MODEL)


def _azure_client() -> ChatCompletionClient:
    return AzureAIChatCompletionClient(endpoint=ENDPOINT, credential=AzureKeyCredential(KEY), **MODEL)


def _ask(client: Callable[[], ChatCompletionClient]) -> None:
    async def ask() -> str:
        one = client()
        try:
            return (await one.create([UserMessage(content=QUESTION, source="user")])).content
        finally:
            await one.close()

    assert "7,000" in asyncio.run(ask())


def _ask_with_a_tool(client: Callable[[], ChatCompletionClient]) -> None:
    asked = []

    async def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    async def run() -> str:
        one = client()
        agent = AssistantAgent("cook", one, tools=[population], reflect_on_tool_use=True)
        try:
            return (await agent.run(task="Use the tool population for the city of Kyoto.")).messages[-1].content
        finally:
            await one.close()

    assert asyncio.run(run())
    assert asked and all(isinstance(city, str) for city in asked)


def complete_a_chat() -> None:
    _ask(_client)


def stream_the_answer() -> None:
    async def stream() -> list[object]:
        return [part async for part in _client().create_stream([UserMessage(content=QUESTION, source="user")])]

    *parts, answer = asyncio.run(stream())
    assert len(parts) > 3 and answer.content == "".join(parts) and "7,000" in answer.content


def call_a_tool() -> None:
    _ask_with_a_tool(_client)


def let_a_team_talk() -> None:
    agents = [AssistantAgent(name, _client()) for name in ("writer", "reader")]
    team = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(3))
    result = asyncio.run(team.run(task=QUESTION))
    assert [message.source for message in result.messages] == ["user", "writer", "reader"]


def complete_a_chat_through_azure_ai_inference() -> None:
    _ask(_azure_client)


def call_a_tool_through_azure_ai_inference() -> None:
    _ask_with_a_tool(_azure_client)
