"""Agno: an agent, its stream, and a tool."""

import os

from agno.agent import Agent
from agno.models.openai.like import OpenAILike


def _agent(**more: object) -> Agent:
    model = OpenAILike(
        id=os.environ["MODEL"],
        base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"],
    )
    return Agent(model=model, telemetry=False, **more)


def complete_a_chat() -> None:
    assert "7,000" in _agent().run("How many languages are in the world?").content


def stream_the_answer() -> None:
    parts = [event.content for event in _agent().run("How many languages are in the world?", stream=True)]
    assert len(parts) > 3 and "7,000" in "".join(parts)


def call_a_tool() -> None:
    asked = []

    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    assert _agent(tools=[population]).run("Use the tool population for the city of Kyoto.").content
    assert asked and all(isinstance(city, str) for city in asked)
