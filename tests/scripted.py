"""The endpoint's own script as tests read it: answers by prompt, and an answer to one prompt without a request."""

from __future__ import annotations

from functools import cache
from typing import Any

from mistral_on_azure.endpoint.models.sampling import Completion, cut, pick
from mistral_on_azure.endpoint.models.script_entries import Question
from mistral_on_azure.endpoint.models.script_files import ScriptFiles, own, own_layer, recipes_layer
from mistral_on_azure.endpoint.models.script_layers import SessionScript


@cache
def script() -> dict[tuple[str | None, str], tuple[str, ...]]:
    """The ranked answers by (system message or None, prompt), of exchanges that have nothing but these."""
    exchanges = [entry.exchange for layer in (own_layer(), recipes_layer()) for entry in reversed(layer.entries)]
    plain = [each for each in exchanges if each.answers and each.last is each.tools is each.deployment is None]
    return {(each.system, each.prompt): each.answers for each in plain if each.prompt}


def unknown_prompt() -> str:
    """What is said to a prompt that the script does not know."""
    return own().unknown_prompt or ""


def complete(system: str | None, prompt: str, parameters: dict[str, Any], index: int = 0) -> Completion:
    """The script's answer to a prompt."""
    found = SessionScript().find(ScriptFiles().answers(False), Question(prompt, system))
    ranked = found.texts() if found else (unknown_prompt(),)
    text = ranked[pick(ranked, prompt, parameters, index)]
    return cut(text, parameters.get("max_tokens"), parameters.get("stop"))


def listed() -> tuple[str, ...]:
    """The texts that the content filter refuses."""
    return own().content_filter.prompts
