"""What pages know about each client beside its code."""

from __future__ import annotations

import re

FIRST = "openai-sdk"  # the tab that is open until a reader chooses: the client for new code
DOCUMENTATION = {
    "webrequests": ("Azure AI Model Inference API", "https://learn.microsoft.com/rest/api/aifoundry/modelinference/"),
    "azure-sdk": (
        "azure-ai-inference for Python",
        "https://learn.microsoft.com/python/api/overview/azure/ai-inference-readme",
    ),
    "openai-sdk": ("OpenAI's chat completions", "https://platform.openai.com/docs/api-reference/chat"),
    "langchain": ("ChatMistralAI", "https://docs.langchain.com/oss/python/integrations/chat/mistralai"),
    "mistralai": ("mistralai for Python", "https://github.com/mistralai/client-python"),
    "litellm": ("LiteLLM with Azure AI", "https://docs.litellm.ai/docs/providers/azure_ai"),
}


def install_command(starter: str) -> str:
    """The command that installs what a starter needs; the comment at its top has it."""
    return re.search(r"^# Install: (.*)$", starter, re.M)[1]
