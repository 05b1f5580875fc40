"""Streaming: whether an answer comes in parts as it is written, and ends as it should."""

from __future__ import annotations

import json
from typing import Any

from helpers.doctor.calling import Answer
from helpers.doctor.chatting import ask
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails, note, ok
from helpers.doctor.refusals import said

_TOKENS = 12
_NOTICEABLE = 0.5  # seconds; below it, nobody minds that parts come together


def streaming(e: Examination) -> Finding:
    """The events of a short stream and when they came."""
    answer = ask(e, "Count from one to ten.", max_tokens=_TOKENS, stream=True)
    if answer.status != 200:
        return note(f"streams are refused ({answer.cause}): {said(answer)}", "Ask without stream=True.")
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return note("the answer comes whole: `stream` is ignored", "Ask without stream=True.")
    events = [line.removeprefix("data:").strip() for line in answer.text.splitlines() if line.startswith("data:")]
    chunks = [chunk for chunk in map(_object, events) if chunk]
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
    return _verdict(answer, events, chunks)


def _verdict(answer: Answer, events: list[str], chunks: list[dict[str, Any]]) -> Finding:
    first, last = answer.arrivals[0], answer.arrivals[-1]
    found = f"{len(chunks)} chunks, the first after {_time(first)}, the last after {_time(last)}"
    if events[-1] != "[DONE]":
        return note(f"{found}, but no [DONE] at the end", "Read until the connection closes.")
    found += ", then [DONE]"
    if strange := _strange(answer):
        return note(f"{found}; also lines such as {strange!r}", "The Azure SDK cannot read those; the others can.")
    if last > _NOTICEABLE and len(chunks) > 4 and last - first < last / 20:
        return note(f"{found}: all at once", "A proxy or gateway collects the stream; have it pass events on at once.")
    return ok(found)


def _strange(answer: Answer) -> str:
    """A line that is no `data: ` event, if there is one: a comment, or an event's name."""
    lines = (line for line in answer.text.splitlines() if line and not line.startswith("data: "))
    return next(lines, "")[:30]


def _finished(chunks: list[dict[str, Any]]) -> bool:
    lists = (chunk.get("choices") for chunk in chunks)
    choices = (choice for each in lists if isinstance(each, list) for choice in each)
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)


def _object(event: str) -> dict[str, Any]:
    try:
        value = json.loads(event)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
