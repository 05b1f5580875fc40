"""What the engine can do: streaming, JSON mode, log probabilities, tools, system messages. A lack fails no check."""

from __future__ import annotations

import json
from typing import Any

from mistral_on_azure.azure.deployments import MANAGED
from mistral_on_azure.azure.http import object_of
from mistral_on_azure.doctor.examination import Answer, Examination, Finding, fails, note, ok
from mistral_on_azure.doctor.failures import refused
from mistral_on_azure.doctor.first_requests import PROMPT, ask, choice, in_words, message, prompt_tokens

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_NOTICEABLE = 0.5  # seconds; in a shorter stream, chunks that arrive together are no trouble
_SYSTEM, _LONGER = "Be brief.", "Be brief. Be very brief. Be as brief as you can be."
_IN_THE_PROMPT = "Send no role system: put the text into the first user message, in front of the question."


def json_mode(e: Examination) -> Finding:
    """Whether `response_format: json_object` makes the answer JSON."""
    prompt = 'Answer in JSON: {"hello": true}'
    answer = ask(e, prompt, max_tokens=16, response_format={"type": "json_object"})
    remedy = "Ask for JSON in the prompt, and check the answer."
    if answer.status != 200:
        return note(refused(answer), remedy)
    text = str(message(answer).get("content") or "")
    try:
        json.loads(text)
    except ValueError:
        if text.lstrip().startswith("{") and choice(answer).get("finish_reason") == "length":
            return ok("the answer begins as JSON does")
        return note("ignored: the answer is not JSON", remedy)
    return ok("the answer is JSON")


def logprobs(e: Examination) -> Finding:
    """Whether `logprobs` and `top_logprobs` give log probabilities."""
    answer = ask(e, headers={"extra-parameters": "pass-through"}, logprobs=True, top_logprobs=2)
    if answer.status != 200:
        return note(refused(answer), "Do without them.")
    return ok("given") if choice(answer).get("logprobs") else note("ignored: none are given")


def tools(e: Examination) -> Finding:
    """Whether the model calls a tool that the prompt asks for."""
    answer = ask(e, "What is the weather in Paris?", max_tokens=48, tools=[_TOOL], tool_choice="auto")
    if answer.status != 200:
        return note(refused(answer), "Ask for the arguments as JSON in the prompt, or take a model that calls tools.")
    calls = message(answer).get("tool_calls")
    if not calls:
        remedy = "Small models often do. Try tool_choice='any' or a larger one."
        return note("accepted, but the model answers in text", remedy)
    try:
        return ok(f"calls {str(calls[0]['function']['name'])[:40]}")
    except (LookupError, TypeError):
        return ok("calls something that is no function")


def streaming(e: Examination) -> Finding:
    """Whether a short stream has valid events, an end, and chunks that arrive one by one."""
    answer = ask(e, "Count from one to ten.", max_tokens=12, stream=True)
    if answer.status != 200:
        return note(f"streams are {refused(answer)}", "Ask without stream=True.")
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return note("the answer comes whole: `stream` is ignored", "Ask without stream=True.")
    events = [line.removeprefix("data:").strip() for line in answer.text.splitlines() if line.startswith("data:")]
    chunks = [chunk for chunk in map(object_of, events) if chunk]
    e.count(next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None))
    error = next((chunk["error"] for chunk in chunks if chunk.get("error")), None)
    if error:
        text = error.get("message") if isinstance(error, dict) else error
        return fails(f"An error came within the stream: {str(text)[:120]}", "Look at the deployment's log.")
    if answer.broken or not _finished(chunks):
        return fails(
            f"The stream broke off after {len(chunks)} chunks, without a finish reason.",
            "Does a proxy or gateway end long answers? Look at its idle timeout, and at the deployment's log.",
        )
    return _of_a_whole_stream(answer, events[-1], len(chunks))


def _of_a_whole_stream(answer: Answer, end: str, chunks: int) -> Finding:
    first, last = answer.arrivals[0], answer.arrivals[-1]
    found = f"{chunks} chunks, the first after {in_words(first)}, the last after {in_words(last)}"
    if end != "[DONE]":
        return note(f"{found}, but no [DONE] at the end", "Read until the connection closes.")
    found += ", then [DONE]"
    strange = next((line for line in answer.text.splitlines() if line and not line.startswith("data: ")), "")
    if strange:  # such as a comment or an event's name
        return note(f"{found}; also lines such as {strange[:30]!r}", "The Azure SDK cannot read those; the others can.")
    if last > _NOTICEABLE and chunks > 4 and last - first < last / 20:
        return note(f"{found}: all at once", "A proxy or gateway collects the stream; have it pass events on at once.")
    return ok(found)


def _finished(chunks: list[dict[str, Any]]) -> bool:
    lists = (chunk.get("choices") for chunk in chunks)
    choices = (choice for each in lists if isinstance(each, list) for choice in each)
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)


def system_message(e: Examination) -> Finding:
    """How a system message is used: from the prompt tokens without it, with it, and with its text in the prompt."""
    answer = ask(e, system=_SYSTEM)
    if answer.status != 200:
        return note(refused(answer), _IN_THE_PROMPT)
    without, with_it = prompt_tokens(e.first), prompt_tokens(answer)
    if without is None or with_it is None:
        return note("accepted; the answers count no tokens, so it cannot be seen what becomes of it")
    if with_it <= without:  # ignored, or it replaces one in the model's chat template: a longer one shows which
        with_longer = prompt_tokens(ask(e, system=_LONGER))
        if with_longer is not None and with_longer > with_it:
            return ok("read; without one, the model's template puts in its own")
        return note(f"ignored: the prompt has {with_it} tokens whatever it says", _IN_THE_PROMPT)
    between = "\n" if e.kind is MANAGED else "\n\n"  # as the container of managed compute joins the two texts
    in_front = prompt_tokens(ask(e, f"{_SYSTEM}{between}{PROMPT}"))
    more = f"{with_it - without} more prompt tokens"
    if in_front == with_it:
        return ok(f"{more}: as many as in front of the user message, so it is put there")
    return ok(f"{more}: it has a place of its own in the prompt")
