"""Small chat requests, and what their answers show beside the text: the deployment, the round trip and the quota."""

from __future__ import annotations

from statistics import median
from typing import Any

from mistral_on_azure.doctor.calling import Answer, Refused
from mistral_on_azure.doctor.examination import Examination, Finding, note, ok, tokens_in

PROMPT = "Say hello."
CANNOT = (400, 404, 405, 415, 422, 500, 501)  # the statuses by which engines refuse a feature; 500 is llama.cpp's


def ask(
    e: Examination, prompt: str = PROMPT, *, system: str = "", headers: dict[str, str] | None = None, **parameters: Any
) -> Answer:
    """Request a completion of one token, or of `max_tokens`, on the route that answers.

    Returns:
        A completion, or an answer with a status of `CANNOT`, which refuses the parameters or the system message.

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
    """The body of a chat request."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    named = {"model": e.model} if e.model else {}
    return {"messages": messages, "max_tokens": 1, **named, **parameters}


def choice(answer: Answer) -> dict[str, Any]:
    """The first choice of a completion; empty without one."""
    choices = answer.body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def message(answer: Answer) -> dict[str, Any]:
    """The message of the first choice; empty without one."""
    value = choice(answer).get("message")
    return value if isinstance(value, dict) else {}


def prompt_tokens(answer: Answer) -> int | None:
    """The prompt tokens in the usage; None where the answer does not state them."""
    return tokens_in(answer.body.get("usage"), "prompt_tokens")


def deployment(e: Examination) -> Finding:
    """The `model` that the answer names, and the deployment behind the endpoint."""
    answered = e.first.body.get("model")
    behind = e.first.headers.get("azureml-model-deployment")
    where = f" (deployment {behind})" if behind else ""
    if not answered:
        return note(f"the answer does not say which model it is from{where}")
    if not e.deployment or answered == e.deployment:
        return ok(f"{answered} answers{where}")
    return note(
        f"{answered} answers{where}, though {e.deployment} was asked for: this endpoint ignores the name",
        f"Name {answered}. For another deployment, set the address and key of that one.",
    )


_CALLS = 3


def round_trip(e: Examination) -> Finding:
    """The median of three calls for one token, on an open connection."""
    seconds = median(ask(e).seconds for _ in range(_CALLS))
    shown = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    return ok(f"{shown} for one token (median of {_CALLS})")


_LOW = 0.1  # of a minute's quota


def quota(e: Examination) -> Finding:
    """The remaining requests and tokens of this minute, from the headers of the last answer."""
    parts, low = [], []
    for what in ("requests", "tokens"):
        limit, left = (_number(e, f"x-ratelimit-{which}-{what}") for which in ("limit", "remaining"))
        if left is None:
            continue
        parts.append(f"{left:,} of {limit:,} {what} left" if limit else f"{left:,} {what} left")
        if limit and left < limit * _LOW:
            low.append(what)
    if not parts:
        return note("the answers have no x-ratelimit headers; managed compute is limited by its machines instead")
    if low:
        return note(", ".join(parts), f"Few {' and '.join(low)} are left this minute: slow down, or raise the quota.")
    return ok(", ".join(parts))


def _number(e: Examination, header: str) -> int | None:
    value = e.last.headers.get(header, "")
    return int(value) if value.isdigit() else None
