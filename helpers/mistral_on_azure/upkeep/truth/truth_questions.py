"""The questions, each one request in a row of a JSONL file, and the replies to them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASK_SECONDS = 180
MOST_BYTES = 8_000_000
LAYERS = ("fmi", "fmi-noprov")  # the layers that get a question whose row has no `layers`


@dataclass(frozen=True)
class Question:
    """One request. Without `body` and `raw` in its row, it has no body."""

    id: str
    group: str
    method: str
    target: str
    headers: dict[str, str]
    data: bytes | None
    layers: tuple[str, ...] = LAYERS

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Question:
        """Make a question from a row: `body` is sent as JSON, `raw` as it is; `layers` overrides `LAYERS`."""
        headers = dict(row.get("headers") or {})
        data: bytes | None = None
        if "raw" in row:
            data = row["raw"].encode()
        elif "body" in row:
            data = json.dumps(_spelt_out(row["body"]), ensure_ascii=False).encode()
            headers.setdefault("content-type", "application/json")
        target = row["route"] + (f"?{row['query']}" if row.get("query") else "")
        layers = tuple(row.get("layers") or LAYERS)
        return cls(row["id"], row.get("group", ""), row["method"], target, headers, data, layers)


@dataclass(frozen=True)
class Reply:
    """The answer to a question: status, headers with names in lower case, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, one a line; empty lines are skipped."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def read_questions(path: Path) -> list[Question]:
    """All questions of a file, in its order."""
    return [Question.from_row(row) for row in read_rows(path)]


def ask(question: Question, port: int) -> Reply:
    """Send one request to a port of this machine and read the whole answer, without following redirects."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
    try:
        connection.putrequest(question.method, question.target, skip_accept_encoding=True)
        headers = {"accept": "*/*", "accept-encoding": "identity", **question.headers}
        if question.data is not None:
            headers.setdefault("content-length", str(len(question.data)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(question.data)
        response = connection.getresponse()
        body = response.read(MOST_BYTES)
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
    finally:
        connection.close()


def _spelt_out(value: Any) -> Any:
    """A body in which "$WORDS:N" is replaced by N words, so that the file need not have a long text."""
    if isinstance(value, dict):
        return {key: _spelt_out(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spelt_out(inner) for inner in value]
    if isinstance(value, str) and value.startswith("$WORDS:"):
        return "word " * int(value.removeprefix("$WORDS:"))
    return value
