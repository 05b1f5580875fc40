"""Google ADK, by its own client for servers that speak OpenAI's API: an agent, its stream, and a tool."""

import asyncio
import os

from google.adk.agents import LlmAgent, RunConfig
from google.adk.agents.run_config import StreamingMode
from google.adk.events import Event
from google.adk.integrations.openai import OpenAILlm
from google.adk.runners import InMemoryRunner
from google.genai import types

QUESTION = "How many languages are in the world?"


def _events(question: str, streaming: StreamingMode = StreamingMode.NONE, **more: object) -> list[Event]:
    model = OpenAILlm(
        model=os.environ["MODEL"],
        base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"],
    )
    runner = InMemoryRunner(LlmAgent(name="cook", model=model, **more), app_name="cookbook")
    message = types.Content(role="user", parts=[types.Part(text=question)])

    async def run() -> list[Event]:
        session = await runner.session_service.create_session(app_name="cookbook", user_id="reader")
        asked = {"user_id": "reader", "session_id": session.id, "new_message": message}
        events = runner.run_async(**asked, run_config=RunConfig(streaming_mode=streaming))
        return [event async for event in events]

    return asyncio.run(run())


def _text(events: list[Event]) -> str:
    return "".join(part.text or "" for event in events for part in event.content.parts)


def complete_a_chat() -> None:
    assert "7,000" in _text(_events(QUESTION))


def stream_the_answer() -> None:
    parts = [event for event in _events(QUESTION, StreamingMode.SSE) if event.partial]
    assert len(parts) > 3 and "7,000" in _text(parts)


def call_a_tool() -> None:
    asked = []

    def population(city: str) -> int:
        """How many people live in a city."""
        asked.append(city)
        return 1_300_000

    events = _events("Use the tool population for the city of Kyoto.", tools=[population])
    assert _text(events[-1:])
    assert asked and all(isinstance(city, str) for city in asked)
