"""The questions: rows of a JSONL file, each one request, and what came back to it as it came."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASK_SECONDS = 180
MOST_BYTES = 8_000_000
LAYERS = ("fmi", "fmi-noprov")  # those that a row without `layers` is asked of


@dataclass(frozen=True)
class Question:
    """One request. A row without a body and without raw bytes is asked without one."""

    id: str
    group: str
    method: str
    target: str
    headers: dict[str, str]
    data: bytes | None
    layers: tuple[str, ...] = LAYERS

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Question:
        """Read a row: `body` is sent as JSON, `raw` as it is; `layers` names who is asked, when not the usual."""
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
    """What came back: status, headers in lower case, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, one a line; empty lines are passed over."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def read_questions(path: Path) -> list[Question]:
    """All questions of a file, in its order."""
    return [Question.from_row(row) for row in read_rows(path)]


def ask(question: Question, port: int) -> Reply:
    """Send one request to a port of this machine and read the answer whole, following nothing."""
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
    """A body with "$WORDS:N" replaced by that many words: a long text need not be in the file."""
    if isinstance(value, dict):
        return {key: _spelt_out(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spelt_out(inner) for inner in value]
    if isinstance(value, str) and value.startswith("$WORDS:"):
        return "word " * int(value.removeprefix("$WORDS:"))
    return value
