"""`safe_prompt`: Mistral's guardrail, put in front of a conversation as a system message when a request asks for it.

The model reads it, so it costs prompt tokens. The words are those that Mistral documents.
"""

from __future__ import annotations

from typing import Any

GUARDRAIL = (
    "Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid harmful, unethical, "
    "prejudiced, or negative content. Ensure replies promote fairness and positivity."
)


def guarded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the guardrail before them; a system message of their own follows it."""
    return [{"role": "system", "content": GUARDRAIL}, *messages]
