"""Pydantic AI: an agent with a tool, and an answer with a type."""

import os

from pydantic import BaseModel
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

model = OpenAIChatModel(
    os.environ["MODEL"],
    provider=OpenAIProvider(
        base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1", api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"]
    ),
)


class City(BaseModel):
    name: str
    people: int


def complete_a_chat() -> None:
    assert "7,000" in Agent(model).run_sync("How many languages are in the world?").output


def call_a_tool() -> None:
    agent, asked = Agent(model), []

    @agent.tool_plain
    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    assert agent.run_sync("Use the tool population for the city of Kyoto.").output
    assert asked and all(isinstance(city, str) for city in asked)


def get_a_typed_answer() -> None:
    answer = Agent(model, output_type=ToolOutput(City)).run_sync("Kyoto has 1300000 people.")
    assert isinstance(answer.output, City)
