"""LlamaIndex, by its class for OpenAI-compatible servers."""

import os

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model=os.environ["MODEL"],
    api_base=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
    api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"],
    is_chat_model=True,
    is_function_calling_model=True,
)
messages = [ChatMessage(role="user", content="How many languages are in the world?")]


def complete_a_chat() -> None:
    assert "7,000" in llm.chat(messages).message.content


def stream_the_answer() -> None:
    assert "7,000" in "".join(part.delta or "" for part in llm.stream_chat(messages))


def call_a_tool() -> None:
    def population(city: str) -> int:
        """How many people live in a city."""
        return 1_300_000 if city == "Kyoto" else 0

    tool = FunctionTool.from_defaults(fn=population)
    answer = llm.chat_with_tools([tool], user_msg="How many people live in Kyoto?", tool_required=True)
    (call,) = llm.get_tool_calls_from_response(answer)
    assert call.tool_name == "population" and isinstance(call.tool_kwargs["city"], str)
