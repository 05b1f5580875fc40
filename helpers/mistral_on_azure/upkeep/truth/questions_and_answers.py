"""The questions, each one request in a row of a JSONL file; the replies to them; and the answers that are kept.

A kept answer has the form of a reply, without what differs from run to run, so that two files of answers can be
compared.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import eq
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


KEPT_HEADERS = ("allow", "access-control-allow-origin")
SAID = ("role", "object", "finish_reason", "type")  # keys whose texts are part of the protocol, not of a run
RANDOM = ("bytes",)  # keys whose values depend on the random weights: a token may have any number of bytes
MESSAGE_CHARACTERS = 240
TEXT_CHARACTERS = 80
LONG = 150  # characters; a pattern of that length may have been cut, and in another run at another place

Row = dict[str, Any]


def kept(reply: Reply, model_paths: tuple[str, ...]) -> Row:
    """The kept form of a reply: status, content type, a few headers, and the form of its body."""
    kind = reply.headers.get("content-type", "").partition(";")[0]
    row: Row = {"status": reply.status, "type": kind}
    if found := {name: reply.headers[name] for name in KEPT_HEADERS if name in reply.headers}:
        row["headers"] = found
    text = reply.body.decode("utf-8", "replace")
    if not text:
        return {**row, "empty": True}
    if kind == "text/event-stream":
        return {**row, "events": _events(text)}
    try:
        data = json.loads(text)
    except ValueError:
        return {**row, "text": re.sub(r"\s+", " ", text)[:TEXT_CHARACTERS]}
    if reply.status >= 400:
        return {**row, "error": _error(data, model_paths)}
    return {**row, "shape": shape(data), **_counts(data)}


def shape(value: Any, key: str = "") -> Any:
    """The form of a JSON value: types in place of values; of a list, each different form once."""
    if key in RANDOM:
        return "random"
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return _once(map(shape, value))
    if isinstance(value, str):
        return f"={value}" if key in SAID else "string"
    if value is None:
        return "null"
    return "bool" if isinstance(value, bool) else "number"


def _once(forms: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for form in forms:
        if form not in found:
            found.append(form)
    return found


def _events(text: str) -> list[str]:
    """The forms of a stream's events in order; a repeated form is written once, with a plus."""
    forms: list[str] = []
    for block in text.split("\n\n"):
        if not block.strip():
            continue
        data = block.removeprefix("data: ")
        try:
            form = json.dumps(shape(json.loads(data)), sort_keys=True, separators=(",", ":"))
        except ValueError:
            form = data.strip()
        if forms and forms[-1].removesuffix(" +") == form:
            forms[-1] = f"{form} +"
        else:
            forms.append(form)
    return forms


def _error(data: Any, model_paths: tuple[str, ...]) -> Row:
    """The keys of an error's body, its code and type, and its message as a pattern."""
    inner = data.get("error") if isinstance(data, dict) else None
    keys = sorted(data) if isinstance(data, dict) else []
    if not isinstance(inner, dict):
        detail = data.get("detail") if isinstance(data, dict) else data
        return {"keys": keys, "code": None, "message": pattern(detail, model_paths)}
    row: Row = {"keys": sorted(keys + [f"error.{name}" for name in inner]), "code": inner.get("code")}
    row |= {name: inner[name] for name in ("type", "param") if inner.get(name) is not None}
    row["message"] = pattern(inner.get("message"), model_paths)
    if isinstance(inner.get("details"), list):
        row["details"] = [{"loc": one.get("loc"), "type": one.get("type")} for one in inner["details"]]
        row["message"] = inner.get("message")
    return row


def pattern(message: Any, model_paths: tuple[str, ...]) -> str:
    """A regular expression for the beginning of a message: any numbers match, and the model's path is MODEL."""
    text = re.sub(r"\s+", " ", message if isinstance(message, str) else json.dumps(message))
    # FastAPI adds the path of the file that defines the route, which differs between machines.
    text = re.sub(r'(\\n|\s)*File \\*".*', "", text)
    for path in sorted(model_paths, key=len, reverse=True):
        text = text.replace(path, "MODEL")
    text = text[:MESSAGE_CHARACTERS]
    return re.sub(r"\d+", r"\\d+", re.escape(text).replace("\\ ", " "))


def _counts(data: Any) -> Row:
    """The number of choices, their finish reasons, and whether the counts of tokens add up."""
    row: Row = {}
    if not isinstance(data, dict):
        return row
    if isinstance(choices := data.get("choices"), list):
        row["choices"] = len(choices)
        row["finish"] = [choice.get("finish_reason") for choice in choices]
    if isinstance(usage := data.get("usage"), dict):
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        numbers = prompt is not None and completion is not None
        row["usage_adds_up"] = numbers and prompt + completion == usage.get("total_tokens")
        row["completion_tokens"] = completion
    return row


def merged(rows: list[Row]) -> Row:
    """One row for a question that was asked several times: the first answer, and the names of the keys that varied."""
    first = rows[0]
    names = sorted({name for row in rows for name in row | first if row.get(name) != first.get(name)})
    return {**first, "varies": names} if names else first


def write_answers(path: Path, rows: list[Row], about: Row) -> None:
    """Write the rows as JSONL, and beside them a small file with their date and the versions of the packages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    about_path(path).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def about_path(path: Path) -> Path:
    """The small file beside a file of answers."""
    return path.with_suffix(".about.json")


def differences(one: Row, other: Row) -> list[str]:
    """The names of the keys that differ between two answers, without those that vary from run to run in either."""
    free = {"varies", *one.get("varies", ()), *other.get("varies", ())}
    names = sorted((one.keys() | other.keys()) - free)
    found = [name for name in names if name != "error" and _settled(one.get(name)) != _settled(other.get(name))]
    if "error" in names and "error" not in free:
        mine, theirs = one.get("error") or {}, other.get("error") or {}
        for name in sorted(mine.keys() | theirs.keys()):
            same = _same_message if name == "message" else eq
            if not same(mine.get(name), theirs.get(name)):
                found.append(f"error.{name}")
    return found


def _settled(value: Any) -> Any:
    """A form in which values that depend on the random weights read "random"; older files have their own forms."""
    if isinstance(value, dict):
        return {name: "random" if name in RANDOM else _settled(inner) for name, inner in value.items()}
    if isinstance(value, list) and not all(isinstance(inner, str) for inner in value):
        return _once(map(_settled, value))
    return value


def _same_message(one: Any, other: Any) -> bool:
    """Whether two patterns are equal, or both are long and the longer one begins with the shorter."""
    if one == other:
        return True
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return len(short) >= LONG and long.startswith(short)


def _bare(message: str) -> str:
    """A pattern without an incomplete escape or line break at its end, which is left from cutting it."""
    return message.rstrip("\\nd+ ").removesuffix("File").rstrip("\\n ")
