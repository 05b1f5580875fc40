"""Small chat requests: what is asked, what came back, and what a refusal of a feature is."""

from __future__ import annotations

from typing import Any

from mistral_on_azure.doctor.calling import Answer
from mistral_on_azure.doctor.examination import Examination, tokens_in
from mistral_on_azure.doctor.refusals import Refused

PROMPT = "Say hello."
CANNOT = (400, 404, 405, 415, 422, 500, 501)  # how engines refuse what they do not have; llama.cpp says 500


def ask(
    e: Examination, prompt: str = PROMPT, *, system: str = "", headers: dict[str, str] | None = None, **parameters: Any
) -> Answer:
    """Ask for a completion of one token, or as many as `max_tokens` says, on the route that answers.

    Returns:
        A completion, or an answer with a status of `CANNOT`, which refuses what was asked beyond the prompt.

    Raises:
        Refused: for any other error.
    """
    answer = e.post(e.route, body(e, prompt, system=system, **parameters), headers, partly="stream" in parameters)
    if answer.status == 200:
        e.last = answer
    elif answer.cause not in CANNOT or not (system or headers or parameters):
        raise Refused(answer, f"POST {e.route.partition('?')[0]}")
    return answer


def body(e: Examination, prompt: str = PROMPT, *, system: str = "", **parameters: Any) -> dict[str, Any]:
    """A chat request."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    named = {"model": e.model} if e.model else {}
    return {"messages": messages, "max_tokens": 1, **named, **parameters}


def choice(answer: Answer) -> dict[str, Any]:
    """The first choice of a completion, empty where there is none."""
    choices = answer.body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def message(answer: Answer) -> dict[str, Any]:
    """The message of the first choice."""
    said = choice(answer).get("message")
    return said if isinstance(said, dict) else {}


def prompt_tokens(answer: Answer) -> int | None:
    """How many tokens the prompt was, None where the answer does not say."""
    return tokens_in(answer.body.get("usage"), "prompt_tokens")
