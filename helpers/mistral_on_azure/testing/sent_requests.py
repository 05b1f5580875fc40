"""An app's requests and their answers, as objects, and as text for the report of a test that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

_SHOWN = 300  # characters of a text in a report


@dataclass(frozen=True)
class SentRequest:
    """One request of the app, with its answer.

    Attributes:
        method: the HTTP method, such as POST.
        path: the path without the query.
        headers: the request's headers, with names in lower case; credentials are `***`.
        body: the JSON object that was sent; None for any other body.
        status: the answer's status; None where the connection was reset before the answer.
        answer: the answer's body as text; for a stream all its events.
        prompt_tokens: the prompt tokens that were charged; `completion_tokens` likewise.
        answer_headers: the answer's headers.
        note: what the endpoint did to the request, such as a fault.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] | None
    status: int | None
    answer: str
    prompt_tokens: int
    completion_tokens: int
    answer_headers: dict[str, str]
    note: str

    @classmethod
    def of(cls, exchange: dict[str, Any]) -> SentRequest:
        """Make one from an exchange in the answer of `/local/exchanges`."""
        values = {each.name: exchange[each.name] for each in fields(cls)}
        return cls(**{**values, "body": _object(exchange["body"])})

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent, without values that are no JSON objects."""
        sent = (self.body or {}).get("messages")
        return [message for message in sent if isinstance(message, dict)] if isinstance(sent, list) else []

    @property
    def parameters(self) -> dict[str, Any]:
        """All fields of the body except the messages."""
        return {name: value for name, value in (self.body or {}).items() if name != "messages"}

    @property
    def prompt(self) -> str:
        """The text of the last user message; empty without one."""
        asked = [message for message in self.messages if message.get("role") == "user"]
        return _text(asked[-1].get("content")) if asked else ""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    @cached_property
    def text(self) -> str:
        """The assistant's text, from a whole answer or a stream."""
        part = "delta" if self.answer.startswith("data:") else "message"
        return "".join(_text(choice.get(part, {}).get("content")) for choice in self._choices())

    @cached_property
    def calls(self) -> list[tuple[str, Any]]:
        """The names of the tools that the assistant called, each with its arguments; the text of invalid JSON."""
        found: dict[int, list[str]] = {}
        for choice in self._choices():
            for call in (choice.get("message") or choice.get("delta") or {}).get("tool_calls") or ():
                parts = found.setdefault(call.get("index", len(found)), ["", ""])
                function = call.get("function", {})
                parts[0] += function.get("name") or ""
                parts[1] += function.get("arguments") or ""
        return [(name, _value(arguments)) for name, arguments in found.values()]

    @cached_property
    def error(self) -> dict[str, Any] | None:
        """The error of the answer, with `code` and `message`; None without one."""
        if self.status is None or self.status < 400:
            return None
        told = _object(self.answer) or {}
        inner = told.get("error")
        return inner if isinstance(inner, dict) else {"code": str(self.status), "message": self.answer}

    def _choices(self) -> Iterator[dict[str, Any]]:
        lines = self.answer.splitlines() if self.answer.startswith("data:") else [f"data:{self.answer}"]
        for line in lines:
            yield from (_object(line.removeprefix("data:")) or {}).get("choices", ())[:1]

    def lines(self) -> Iterator[str]:
        """The exchange as lines of text."""
        status = "no answer" if self.status is None else str(self.status)
        waits = self.answer_headers.get("retry-after")
        after = f", retry-after: {waits}" if waits else ""
        yield f"{self.method} {self.path} -> {status}{after}{f'  ({self.note})' if self.note else ''}"
        if self.parameters:
            yield "  " + ", ".join(f"{name}={_short(json.dumps(value))}" for name, value in self.parameters.items())
        for message in self.messages:
            said = _text(message.get("content")) or json.dumps(message.get("tool_calls") or "")
            yield f"  {message.get('role', '?')}: {_short(said)}"
        if self.error:
            yield f"  {self.error.get('code')}: {_short(str(self.error.get('message')))}"
        elif self.text or self.tokens:
            said = self.text or ", ".join(f"{name}({json.dumps(given)})" for name, given in self.calls)
            yield f"  answer: {_short(said)}  ({self.prompt_tokens} + {self.completion_tokens} tokens)"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _object(text: str) -> dict[str, Any] | None:
    value = _value(text)
    return value if isinstance(value, dict) else None


def _text(content: Any) -> str:
    """The text of a message's content, which may be a list with parts of other types."""
    if isinstance(content, list):
        return "\n\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _short(text: str) -> str:
    """A text in one line, shortened."""
    line = text.replace("\n", "\\n")
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
