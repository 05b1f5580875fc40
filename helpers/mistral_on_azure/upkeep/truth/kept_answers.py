"""The answers: what is kept of a reply, with everything left out that differs from run to run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mistral_on_azure.upkeep.truth.truth_questions import Reply

KEPT_HEADERS = ("allow", "access-control-allow-origin")
SAID = ("role", "object", "finish_reason", "type")  # keys whose texts are part of the protocol, not of a run
RANDOM = ("bytes",)  # a token's bytes are none, one or many, as the random weights have it
MESSAGE_CHARACTERS = 240
TEXT_CHARACTERS = 80

Row = dict[str, Any]


def kept(reply: Reply, model_paths: tuple[str, ...]) -> Row:
    """What is kept of a reply: status, type, a few headers, and the form of its body."""
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
    """The form of a JSON value: kinds in place of values, each form in a list once."""
    if key in RANDOM:
        return "random"
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        forms: list[Any] = []
        for inner in value:
            if (form := shape(inner)) not in forms:
                forms.append(form)
        return forms
    if isinstance(value, str):
        return f"={value}" if key in SAID else "string"
    if value is None:
        return "null"
    return "bool" if isinstance(value, bool) else "number"


def _events(text: str) -> list[str]:
    """The forms of a stream's events in order; a form that repeats itself is written once, with a plus."""
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
    """A regular expression for the beginning of a message: numbers may differ, and the model's place is MODEL."""
    text = re.sub(r"\s+", " ", message if isinstance(message, str) else json.dumps(message))
    # FastAPI says where in its installation a route is defined; that is no part of the answer.
    text = re.sub(r'(\\n|\s)*File \\*".*', "", text)
    for path in sorted(model_paths, key=len, reverse=True):
        text = text.replace(path, "MODEL")
    text = text[:MESSAGE_CHARACTERS]
    return re.sub(r"\d+", r"\\d+", re.escape(text).replace("\\ ", " "))


def _counts(data: Any) -> Row:
    """How many choices came, why each ended, and whether the counts of tokens add up."""
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
    """One row for a question that was asked several times: the first, and the names of what was not always so."""
    first = rows[0]
    names = sorted({name for row in rows for name in row | first if row.get(name) != first.get(name)})
    return {**first, "varies": names} if names else first


def write_answers(path: Path, rows: list[Row], about: Row) -> None:
    """Write the rows as JSONL, and beside them a small file that says when and with what they were made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    about_path(path).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def about_path(path: Path) -> Path:
    """The small file beside a file of answers."""
    return path.with_suffix(".about.json")
