"""What stands in front of the model: Azure AI Content Safety, and the guardrail that `safe_prompt` asks for.

The service judges prompts; the local endpoint recognises those that a script lists. One harmless sentence is enough
to see how a client takes a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError


def check(prompt: str, filtered: Sequence[str]) -> None:
    """Refuse a prompt that has one of some texts in it.

    Raises:
        ApiError: 400 as the service words it.
    """
    for text in filtered:
        if text in prompt:
            raise ApiError(400, "content_filter", "The response was filtered", param="messages")


GUARDRAIL = (
    "Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid harmful, unethical, "
    "prejudiced, or negative content. Ensure replies promote fairness and positivity."
)


def guarded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the guardrail before them; a system message of their own follows it."""
    return [{"role": "system", "content": GUARDRAIL}, *messages]
