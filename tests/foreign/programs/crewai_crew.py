"""CrewAI, by its clients for OpenAI's API and for Azure AI Inference: answers, and a crew of one agent with a tool.

Through Azure AI Inference it sends tools to models of OpenAI's only, by their names, so that is not tried.
"""

import os

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

ENDPOINT, KEY = os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]
QUESTION = "How many languages are in the world?"


def _llm(**more: object) -> LLM:
    return LLM(os.environ["MODEL"], custom_openai=True, base_url=f"{ENDPOINT}/v1", api_key=KEY, **more)


def _azure_llm(**more: object) -> LLM:
    version = "2024-05-01-preview"  # without it CrewAI asks for a version of Azure OpenAI's
    return LLM("azure/" + os.environ["MODEL"], endpoint=ENDPOINT, api_key=KEY, api_version=version, **more)


def complete_a_chat() -> None:
    assert "7,000" in _llm().call(QUESTION)


def stream_the_answer() -> None:
    assert "7,000" in _llm(stream=True).call(QUESTION)


def call_a_tool() -> None:
    asked = []

    @tool
    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    agent = Agent(role="Geographer", goal="Answer", backstory="You know the world.", llm=_llm(), tools=[population])
    question = "Use the tool population for the city of Kyoto."
    task = Task(description=question, expected_output="One sentence.", agent=agent)
    assert Crew(agents=[agent], tasks=[task]).kickoff().raw
    assert asked and all(isinstance(city, str) for city in asked)


def complete_a_chat_through_azure_ai_inference() -> None:
    assert "7,000" in _azure_llm().call(QUESTION)


def stream_the_answer_through_azure_ai_inference() -> None:
    assert "7,000" in _azure_llm(stream=True).call(QUESTION)
