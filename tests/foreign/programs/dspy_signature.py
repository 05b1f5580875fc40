"""DSPy, by its own client without LiteLLM: an answer, a signature that calls a tool, and an agent.

Signatures without tools need a model that follows instructions, which the local endpoint's script does not.
"""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"  # it would fetch a newer list of prices

import dspy
from dspy.lm15 import (
    AccessPolicy,
    ModelSupport,
    OpenAIChatCompat,
    ProviderDefinition,
    register_provider,
)

access = AccessPolicy("azure-mistral", base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1")
server = ProviderDefinition.chat(access, compat=OpenAIChatCompat())
register_provider(server, supports=ModelSupport(function_calling=True))
key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
lm = dspy.LM("azure-mistral/" + os.environ["MODEL"], engine="lm15", api_key=key, cache=False)
dspy.configure(lm=lm, adapter=dspy.ChatAdapter(use_native_function_calling=True, use_json_adapter_fallback=False))


class Calls(dspy.Signature):
    """Which tools to call."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    calls: dspy.ToolCalls = dspy.OutputField()


def _population(city: str) -> int:
    """How many people live in a city."""
    return 1_300_000


def complete_a_chat() -> None:
    assert "7,000" in lm("How many languages are in the world?")[0]


def call_a_tool() -> None:
    tools = [dspy.Tool(_population, name="population")]
    answer = dspy.Predict(Calls)(question="Use the tool population for the city of Kyoto.", tools=tools)
    (call,) = answer.calls.tool_calls
    assert call.name == "population" and isinstance(call.args["city"], str)


def let_an_agent_work() -> None:
    agent = dspy.ReActV2("question -> answer", tools=[dspy.Tool(_population, name="population")])
    assert agent(question="Use the tool population for the city of Kyoto.").answer
