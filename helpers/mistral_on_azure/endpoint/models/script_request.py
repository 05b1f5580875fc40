"""What a request wants of the script besides its messages, and the bounds on what it may want."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported, shown
from mistral_on_azure.endpoint.bounds import LARGE, LONG, in_event_loop
from mistral_on_azure.endpoint.models.script import Completion
from mistral_on_azure.endpoint.models.script_entries import Entry
from mistral_on_azure.endpoint.models.tokens import size_of, tables_are_read, vocabulary_size

MOST_WRITTEN = 350_000  # tokens of all choices with their alternatives; in a stream, a token counts as five
KEPT = 128 * 1024  # bytes of completions that are kept for the same settings
FEW = 10_000  # tokens: fewer never exceed MOST_WRITTEN
# Characters of the longest token in v3 and v7, from which bounds are estimated. Tekken has longer ones (of up to 76
# hyphens, asterisks or spaces), so for Tekken the bounds do not hold for a text that consists of these.
LONGEST_TOKEN = 18


class Wanted(Struct, eq=False):
    """What the script reads out of a request's settings, once for all requests that have them.

    Attributes:
        deployment: the deployment that answers.
        parameters: the validated parameters without `messages`.
        tools: the tools, which are not validated yet.
        choice: the value of `tool_choice`.
        max_tokens: the maximum of completion tokens; None if the context is the limit.
        choices: number of choices.
        alternatives: number of log probabilities for each token, 0 for none.
        waits: whether mistral-common counts the tokens, which takes seconds to load.
        greedy: whether one choice is made of the likeliest text, whatever the prompt is, and cut by `max_tokens` only.
        special: whether `logit_bias` or `safe_prompt` is set, which few requests have.
        quick: whether a short request with these settings never takes long, as far as is known.
        known: the completions of entries that always have the same one; a cache.
        room: bytes that are left for that cache.
    """

    deployment: Deployment
    parameters: dict[str, Any]
    tools: Sequence[Any]
    choice: Any
    max_tokens: int | None
    choices: int
    alternatives: int
    waits: bool
    greedy: bool
    special: bool
    quick: bool = False
    known: dict[Entry, Completion] = {}
    room: int = KEPT

    def written(self, longest: int) -> int:
        """An upper bound of the characters that are written, by the script's longest answer (in characters)."""
        if self.max_tokens is not None and LONGEST_TOKEN * self.max_tokens < longest:
            longest = LONGEST_TOKEN * self.max_tokens
        return self.choices * (1 + self.alternatives) * longest

    def keep(self, entry: Entry, completion: Completion) -> None:
        """Add to `known`, if there is room."""
        characters = len(completion.text) + entry.length  # the entry stays in memory, too, when its script is replaced
        size = size_of(completion.text, len(completion.ids)) + 10 * characters
        if size <= self.room:
            self.room -= size
            self.known[entry] = completion


def wanted_of(deployment: Deployment, parameters: dict[str, Any]) -> Wanted:
    """What the script reads out of a deployment and the validated parameters without `messages`."""
    return Wanted(
        deployment,
        parameters,
        parameters.get("tools") or (),
        parameters.get("tool_choice"),
        parameters.get("max_tokens"),
        parameters.get("n", 1),
        1 + (parameters.get("top_logprobs") or 0) if parameters.get("logprobs") else 0,
        deployment.sold and not deployment.estimated,
        not parameters.get("temperature") and parameters.get("n", 1) == 1 and "max_tokens" in parameters,
        bool(parameters.get("logit_bias") or parameters.get("safe_prompt")),
    )


def takes_long(size: int, wanted: Wanted, longest: int) -> bool:
    """Whether a request may take so long that an event loop must not wait for it. Sets `wanted.quick`.

    Args:
        size: bytes of the request body.
        longest: characters of the script's longest answer.
    """
    if size > LARGE or wanted.tools or wanted.waits or wanted.written(longest) > LONG or not tables_are_read(size):
        return in_event_loop()
    wanted.quick = wanted.written(sys.maxsize) <= LONG
    return False


def check_bias(biases: dict[str, float], deployment: Deployment) -> None:
    """Refuse token ids outside the vocabulary with vLLM's message; the vocabulary's size is unknown for some models."""
    size = None if deployment.estimated else vocabulary_size(deployment.counted_with)
    unknown = [token for token in map(int, biases) if token < 0 or (size is not None and token >= size)]
    if unknown:
        told = shown(unknown)
        known = "" if size is None else f" Vocabulary size: {size}"
        raise invalid(
            f"token_id(s) {told} in logit_bias contain out-of-vocab token ids.{known} "
            f"(parameter=logit_bias, value={told})",
            param="logit_bias",
        )


def check_answers(tokens: int, wanted: Wanted) -> None:
    """Refuse choices whose encoded JSON would take too much memory.

    Raises:
        ApiError: 422.
    """
    if tokens * (1 + wanted.alternatives + (4 if wanted.parameters.get("stream") else 0)) > MOST_WRITTEN:
        n = wanted.choices
        raise not_supported("n", n, f"The {n} choices are too long together: ask for fewer, or for fewer alternatives.")


def characters(messages: list[Any]) -> int:
    """The characters of all texts in messages, which need not be valid."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    parts = [part.get("text") for each in contents if isinstance(each, list) for part in each if isinstance(part, dict)]
    return sum(len(text.rstrip(" ")) for text in (*contents, *parts) if isinstance(text, str))  # as `count_prompt` does


def check_context(deployment: Deployment, prompt_tokens: int, max_tokens: int | None, least: str = "") -> None:
    """Refuse a request that exceeds the context. The message is vLLM's, by which LiteLLM recognises the error.

    Args:
        least: "at least " if `prompt_tokens` is a lower bound.
    """
    if prompt_tokens + (max_tokens or 1) <= deployment.context:
        return
    if max_tokens is None:
        wanted = f"{least}{prompt_tokens} tokens in the messages, Please reduce the length of the messages."
    else:
        wanted = (
            f"{least}{prompt_tokens + max_tokens} tokens ({prompt_tokens} in the messages, {max_tokens} in the "
            "completion). Please reduce the length of the messages or completion."
        )
    limit = f"This model's maximum context length is {deployment.context} tokens. However, you requested {wanted}"
    raise ApiError(400, "context_length_exceeded", limit, param="messages")
