"""What the engine can do: JSON mode, log probabilities, tools. What it cannot is worth a note, and no failure."""

from __future__ import annotations

import json

from helpers.doctor.chatting import ask, choice, message
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok
from helpers.doctor.refusals import said

_PASS = {"extra-parameters": "pass-through"}
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def json_mode(e: Examination) -> Finding:
    """`response_format: json_object`."""
    prompt = 'Answer in JSON: {"hello": true}'
    answer = ask(e, prompt, max_tokens=16, response_format={"type": "json_object"})
    if answer.status != 200:
        return note(f"refused ({answer.cause}): {said(answer)}", "Ask for JSON in the prompt, and check what comes.")
    text = str(message(answer).get("content") or "")
    if _is_json(text):
        return ok("the answer is JSON")
    if text.lstrip().startswith("{") and choice(answer).get("finish_reason") == "length":
        return ok("the answer begins as JSON does")
    return note("ignored: the answer is no JSON", "Ask for JSON in the prompt, and check what comes.")


def logprobs(e: Examination) -> Finding:
    """`logprobs` and `top_logprobs`."""
    answer = ask(e, headers=_PASS, logprobs=True, top_logprobs=2)
    if answer.status != 200:
        return note(f"refused ({answer.cause}): {said(answer)}", "Do without them.")
    return ok("given") if choice(answer).get("logprobs") else note("ignored: none are given")


def tools(e: Examination) -> Finding:
    """A tool that the question calls for."""
    answer = ask(e, "What is the weather in Paris?", max_tokens=48, tools=[_TOOL], tool_choice="auto")
    if answer.status != 200:
        return note(f"refused ({answer.cause}): {said(answer)}", "Do without tools, or take a model that knows them.")
    calls = message(answer).get("tool_calls")
    if calls:
        return ok(f"calls {_named(calls)}")
    return note(
        "accepted, but the model answers in text", "Small models often do. Try tool_choice='any' or a larger one."
    )


def _named(calls: object) -> str:
    try:
        return str(calls[0]["function"]["name"])[:40]
    except (LookupError, TypeError):
        return "something that is no function"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
