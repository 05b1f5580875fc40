"""Inspect, by its clients for OpenAI's API and for Azure AI Inference: answers, a tool, and a scored evaluation."""

import asyncio
import os
import tempfile

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, Model, get_model
from inspect_ai.scorer import includes
from inspect_ai.tool import Tool, tool

ENDPOINT, KEY = os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]
QUESTION = "How many languages are in the world?"


def _model(**more: object) -> Model:
    name = "openai-api/azure/" + os.environ["MODEL"]
    return get_model(name, base_url=f"{ENDPOINT}/v1", api_key=KEY, memoize=False, **more)


def _azure_model() -> Model:
    return get_model("azureai/" + os.environ["MODEL"], base_url=ENDPOINT, api_key=KEY, memoize=False)


def _ask_with_a_tool(model: Model) -> None:
    asked = []

    @tool
    def population() -> Tool:
        async def execute(city: str) -> int:
            """How many people live in a city.

            Args:
                city: The city's name.
            """
            asked.append(city)
            return 1_300_000

        return execute

    question = [ChatMessageUser(content="Use the tool population for the city of Kyoto.")]
    messages, output = asyncio.run(model.generate_loop(question, tools=[population()]))
    assert asked and all(isinstance(city, str) for city in asked)
    assert [message.role for message in messages[:2]] == ["assistant", "tool"] and output.completion


def complete_a_chat() -> None:
    assert "7,000" in asyncio.run(_model().generate(QUESTION)).completion


def stream_the_answer() -> None:
    assert "7,000" in asyncio.run(_model(stream=True).generate(QUESTION)).completion


def call_a_tool() -> None:
    _ask_with_a_tool(_model())


def evaluate_a_task() -> None:
    task = Task(dataset=[Sample(input=QUESTION, target="7,000")], scorer=includes())
    with tempfile.TemporaryDirectory() as folder:
        (log,) = eval(task, model=_model(), log_dir=folder, display="none")
    assert log.status == "success" and log.results.scores[0].metrics["accuracy"].value == 1


def complete_a_chat_through_azure_ai_inference() -> None:
    assert "7,000" in asyncio.run(_azure_model().generate(QUESTION)).completion


def call_a_tool_through_azure_ai_inference() -> None:
    _ask_with_a_tool(_azure_model())
