"""An exception's text as its user sees it, in one line, without what differs from one run or machine to the next."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

_LONGEST = 240  # characters
_CHANGING = (
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "https://HOST"),
    (re.compile(r"127\.0\.0\.1"), "HOST"),
    (re.compile(r"port=\d+"), "port=PORT"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"\[?Errno \d+\]?"), "[Errno …]"),  # a number of the operating system
    (re.compile(r"(?<=Error\()\d+"), "…"),  # the same
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b"), "ID"),
    (re.compile(r"\b(column|char) \d+"), r"\1 N"),  # depends on the length of the answer
    (re.compile(r"\d{8,}|\b\d+\.\d{3,}"), "N"),  # a date, a measured time
)


def one_line(error: Exception, exchange: dict[str, Any] | None = None) -> str:
    """The text of an exception; its class where it has none.

    Args:
        exchange: the last one, as the endpoint's journal has it. Of what the endpoint said there, only `{status}`,
            `{reason}`, `{code}`, `{message}` and `{body}` remain, so that one sees what the client adds.
    """
    text = str(error)
    for said, stand_in in _said(exchange or {}):
        text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", stand_in, text)
    text = " ".join(text.split())
    for pattern, stand_in in _CHANGING:
        text = pattern.sub(stand_in, text)
    if not text:
        return f"{type(error).__name__}, without a word"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _said(exchange: dict[str, Any]) -> list[tuple[str, str]]:
    """What the endpoint said, the longest first."""
    body = exchange.get("answer")
    if not body:
        return []
    if exchange["status"] < 400:
        return [(body, "{body}")]
    parsed = json.loads(body)
    return [
        (body, "{body}"),
        (str(parsed), "{body}"),  # as Python shows a dictionary
        (parsed["message"], "{message}"),
        (parsed["code"], "{code}"),
        (HTTPStatus(exchange["status"]).phrase, "{reason}"),
        (str(exchange["status"]), "{status}"),
    ]
