"""The wire view: the request that a client just sent to the local endpoint, and the answer it got."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from html import escape
from typing import Any

from helpers import http
from helpers.connecting import current
from helpers.errors import CookbookError
from helpers.urls import CREDENTIAL

_ID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
_CREATED = re.compile(r'("created": ?)\d+')
_MACHINE = re.compile(
    r"(?<=\()(?:Linux|macOS|Darwin|Windows)[^)]*(?=\))|(?<=[Pp]ython/)3[\d.]+"
    r"|(?<=x-stainless-arch: ).*|(?<=x-stainless-os: ).*|(?<=x-stainless-runtime-version: ).*"
)
_EVENTS_SHOWN = 2  # of a stream, at each end


@dataclass(frozen=True, slots=True)
class Wire:
    """Exchanges as they crossed the wire. What is new in every request reads `<id>`, `<time>` and so on."""

    exchanges: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "\n\n".join(f"{_request(each)}\n\n{_answer(each)}" for each in self.exchanges) or "Nothing was sent yet."

    def _repr_html_(self) -> str:
        if not self.exchanges:
            return f"<p>{self!r}</p>"
        return "".join(
            f"<details open><summary>{escape(_request_line(each))} → {each['status'] or 'no answer'}</summary>"
            f"<pre>{escape(_request(each))}</pre><pre>{escape(_answer(each))}</pre></details>"
            for each in self.exchanges
        )


def show_wire(last: int = 1) -> Wire | None:
    """Show the last exchanges between this notebook and the local endpoint, credentials masked.

    Args:
        last: how many.

    Returns:
        None on any other endpoint, whose side of the wire cannot be seen.
    """
    connection = current()
    if not connection.local:
        print("The wire can be seen on the local endpoint only.")
        return None
    answer = http.request("GET", f"{connection.url}/local/exchanges?last={last}", os.environ[CREDENTIAL])
    if answer.status != 200:
        raise CookbookError(answer.message)
    return Wire(tuple(answer.json()))


def _request_line(exchange: dict[str, Any]) -> str:
    query = f"?{exchange['query']}" if exchange["query"] else ""
    return f"{exchange['method']} {exchange['path']}{query}"


def _request(exchange: dict[str, Any]) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(exchange["headers"].items()))
    body = f"\n\n{_pretty(exchange['body'])}" if exchange["body"] else ""
    return _settle(f"{_request_line(exchange)}\n{headers}{body}")


def _answer(exchange: dict[str, Any]) -> str:
    shown = {name: value for name, value in exchange["answer_headers"].items() if not name.startswith("x-ratelimit")}
    headers = "".join(f"\n{name}: {value}" for name, value in shown.items())
    status = exchange["status"] or "no answer"  # the connection was reset before one
    note = f"\n({exchange['note']})" if exchange["note"] else ""
    return _settle(f"{status}{headers}{note}\n\n{_pretty(exchange['answer'])}")


def _pretty(body: str) -> str:
    if body.startswith("data: "):
        events = body.strip().split("\n\n")
        if len(events) > 2 * _EVENTS_SHOWN:
            hidden = len(events) - 2 * _EVENTS_SHOWN
            events = [*events[:_EVENTS_SHOWN], f"… {hidden} more events …", *events[-_EVENTS_SHOWN:]]
        return "\n\n".join(events)
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _settle(text: str) -> str:
    """Replace what differs from one request, or from one machine, to the next."""
    for pattern, settled in ((_ID, "<id>"), (_PORT, "<port>"), (_CREATED, r"\1<time>"), (_MACHINE, "<yours>")):
        text = pattern.sub(settled, text)
    return text
