"""The content filter: Azure AI Content Safety in front of the model, for the prompts that script.toml lists.

The service judges; the local endpoint recognises. One harmless sentence is enough to see how a client takes a refusal.
"""

from __future__ import annotations

from functools import cache

from helpers.endpoint.errors import ApiError
from helpers.endpoint.script import table


def check(prompt: str) -> None:
    """Refuse a prompt that has one of the listed texts in it.

    Raises:
        ApiError: 400 as the service words it.
    """
    for text in listed():
        if text in prompt:
            raise ApiError(400, "content_filter", "The response was filtered", param="messages")


@cache
def listed() -> tuple[str, ...]:
    """The texts that are refused."""
    return tuple(table()["content_filter"]["prompts"])
