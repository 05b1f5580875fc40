"""The wire view: the last requests that a client sent to the local endpoint, and their answers."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any, NamedTuple

from mistral_on_azure.azure.files import laid_out
from mistral_on_azure.notebook.connecting import current

_ID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
_CREATED = re.compile(r'("created": ?)\d+')
_MACHINE = re.compile(
    r"(?<=\()(?:Linux|macOS|Darwin|Windows)[^)]*(?=\))|(?<=[Pp]ython/)3[\d.]+"
    r"|(?<=x-stainless-arch: ).*|(?<=x-stainless-os: ).*|(?<=x-stainless-runtime-version: ).*"
)
_EVENTS_SHOWN = 2  # of a stream, at each end
_LINE = 76  # characters; a shorter value stays on one line
# GitHub drops styles; there <details>, <b> and <pre> alone keep request and answer apart.
_TEXT = (
    "margin: 0.3em 0 1em 1.2em; font-size: 0.9em; line-height: 1.35; "
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere"
)


class Wire(NamedTuple):
    """Exchanges as they were sent, with placeholders such as `<id>` and `<time>` for values that always change."""

    exchanges: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "\n\n".join(f"{_request(each)}\n\n{_answer(each)}" for each in self.exchanges) or "Nothing was sent yet."

    def _repr_html_(self) -> str:
        """Two lines for each exchange, request and answer, that open to show headers and body."""
        if not self.exchanges:
            return f"<p>{self!r}</p>"
        return "".join(
            _folded("Request", f"<code>{escape(_request_line(each))}</code>", each["body"], _request(each))
            + _folded("Answer", f"<code>{_status(each)}</code>", each["answer"], _answer(each))
            for each in self.exchanges
        )


def show_wire(last: int = 1) -> Wire | None:
    """Show the last exchanges between this notebook and the local endpoint, with credentials masked.

    Args:
        last: the number of exchanges.

    Returns:
        The exchanges; None on any other endpoint, which keeps no journal.
    """
    connection = current()
    if not connection.local:
        print("The wire can be seen on the local endpoint only.")
        return None
    return Wire(tuple(connection.ask("GET", f"/local/exchanges?last={last}")))


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
    note = f"\n({exchange['note']})" if exchange["note"] else ""
    return _settle(f"Answer: {_status(exchange)}{headers}{note}\n\n{_pretty(exchange['answer'])}")


def _status(exchange: dict[str, Any]) -> str:
    return str(exchange["status"] or "no answer")  # the connection was reset before one


def _folded(name: str, what: str, body: str, text: str) -> str:
    size = f", {len(body.encode()):,} bytes" if body else ""
    return f'<details><summary><b>{name}</b> {what}{size}</summary><pre style="{_TEXT}">{escape(text)}</pre></details>'


def _pretty(body: str) -> str:
    if body.startswith("data: "):
        events = body.strip().split("\n\n")
        if len(events) > 2 * _EVENTS_SHOWN:
            hidden = len(events) - 2 * _EVENTS_SHOWN
            events = [*events[:_EVENTS_SHOWN], f"… {hidden} more events …", *events[-_EVENTS_SHOWN:]]
        return "\n\n".join(events)
    try:
        return laid_out(json.loads(body), _LINE, "  ")
    except ValueError:
        return body


def _settle(text: str) -> str:
    """Replace values that differ between requests or machines by placeholders."""
    for pattern, settled in ((_ID, "<id>"), (_PORT, "<port>"), (_CREATED, r"\1<time>"), (_MACHINE, "<yours>")):
        text = pattern.sub(settled, text)
    return text
