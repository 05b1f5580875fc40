"""The kept form of a reply, without what differs from run to run; and the comparison of two files of answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from operator import eq
from pathlib import Path
from typing import Any

from mistral_on_azure.upkeep.truth.truth_questions import Reply, read_rows

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


def load(path: Path) -> dict[tuple[str, str], Row]:
    """The rows of a file by question and layer."""
    return {(row["id"], row["layer"]): row for row in read_rows(path)}


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


def compare(old: Path, new: Path, *, show: int = 20) -> float:
    """Print the share of rows that agree in two files, by layer, and the first rows that differ.

    Returns:
        The lowest percentage of a layer.
    """
    left, right = load(old), load(new)
    common = [key for key in left if key in right]
    asked, agreed = Counter[str](), Counter[str]()
    shown = 0
    for key in common:
        asked[key[1]] += 1
        names = differences(left[key], right[key])
        agreed[key[1]] += not names
        if names and shown < show:
            shown += 1
            print(f"differs: {key[0]} [{key[1]}]: {', '.join(names)}")
            for label, row in (("old", left[key]), ("new", right[key])):
                print(f"  {label}: {_excerpt(row, names)}")
    for layer in sorted(asked):
        print(f"{layer}: {agreed[layer]} of {asked[layer]} rows agree ({100 * agreed[layer] / asked[layer]:.1f} %)")
    for label, rows, others in (("old", left, right), ("new", right, left)):
        if missing := len(rows.keys() - others.keys()):
            print(f"only in the {label} file: {missing} rows")
    return min((100 * agreed[layer] / asked[layer] for layer in asked), default=0.0)


def _settled(value: Any) -> Any:
    """A form in which values that depend on the random weights read "random"; older files have their own forms."""
    if isinstance(value, dict):
        return {name: "random" if name in RANDOM else _settled(inner) for name, inner in value.items()}
    if isinstance(value, list) and not all(isinstance(inner, str) for inner in value):
        forms: list[Any] = []
        for inner in map(_settled, value):
            if inner not in forms:
                forms.append(inner)
        return forms
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


def _excerpt(row: Row, names: list[str]) -> str:
    """The differing parts of a row, with its status."""
    parts = {name: row.get(name.partition(".")[0]) for name in names}
    return json.dumps({"status": row["status"], **parts}, ensure_ascii=False)[:600]
