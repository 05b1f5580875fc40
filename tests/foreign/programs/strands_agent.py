"""Strands: an agent, its stream, a tool, and an answer with a type."""

import asyncio
import os

from pydantic import BaseModel
from strands import Agent, tool
from strands.models.openai import OpenAIModel


class City(BaseModel):
    """A city."""

    name: str
    people: int


def _agent(**more: object) -> Agent:
    address = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1"
    client = {"base_url": address, "api_key": os.environ["AZURE_INFERENCE_CREDENTIAL"]}
    return Agent(OpenAIModel(client_args=client, model_id=os.environ["MODEL"]), callback_handler=None, **more)


def complete_a_chat() -> None:
    assert "7,000" in str(_agent()("How many languages are in the world?"))


def stream_the_answer() -> None:
    async def stream() -> list[str]:
        events = _agent().stream_async("How many languages are in the world?")
        return [event["data"] async for event in events if "data" in event]

    parts = asyncio.run(stream())
    assert len(parts) > 3 and "7,000" in "".join(parts)


def call_a_tool() -> None:
    asked = []

    @tool
    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    assert str(_agent(tools=[population])("Use the tool population for the city of Kyoto."))
    assert asked and all(isinstance(city, str) for city in asked)


def get_a_typed_answer() -> None:
    answer = _agent()("Kyoto has 1300000 people.", structured_output_model=City)
    assert isinstance(answer.structured_output, City)
