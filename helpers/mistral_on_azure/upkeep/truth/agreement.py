"""The comparing of two files of answers, row by row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from mistral_on_azure.upkeep.truth.kept_answers import RANDOM
from mistral_on_azure.upkeep.truth.truth_questions import read_rows

Row = dict[str, Any]
LONG = 150  # a pattern of that length may have been cut, and another run may cut it elsewhere


def load(path: Path) -> dict[tuple[str, str], Row]:
    """The rows of a file by question and layer."""
    return {(row["id"], row["layer"]): row for row in read_rows(path)}


def differences(one: Row, other: Row) -> list[str]:
    """The names of what differs between two answers, leaving out what varies from run to run in either."""
    free = {"varies", *one.get("varies", ()), *other.get("varies", ())}
    names = sorted((one.keys() | other.keys()) - free)
    found = [name for name in names if name != "error" and _settled(one.get(name)) != _settled(other.get(name))]
    if "error" in names and "error" not in free:
        mine, theirs = one.get("error") or {}, other.get("error") or {}
        for name in sorted(mine.keys() | theirs.keys()):
            same = _same_message if name == "message" else _equal
            if not same(mine.get(name), theirs.get(name)):
                found.append(f"error.{name}")
    return found


def compare(old: Path, new: Path, *, show: int = 20) -> float:
    """Print how far two files agree, layer by layer, and the first rows that do not; returns the least percentage."""
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
    """A form without what only random weights decide: older files have it spelt out."""
    if isinstance(value, dict):
        return {name: "random" if name in RANDOM else _settled(inner) for name, inner in value.items()}
    if isinstance(value, list) and not all(isinstance(inner, str) for inner in value):
        forms: list[Any] = []
        for inner in map(_settled, value):
            if inner not in forms:
                forms.append(inner)
        return forms
    return value


def _equal(one: Any, other: Any) -> bool:
    return one == other


def _same_message(one: Any, other: Any) -> bool:
    """Whether two patterns are one, or the shorter of two long ones is how the other begins."""
    if one == other:
        return True
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return len(short) >= LONG and long.startswith(short)


def _bare(message: str) -> str:
    """A pattern without the half of an escape or a line's end that cutting left behind."""
    return message.rstrip("\\nd+ ").removesuffix("File").rstrip("\\n ")


def _excerpt(row: Row, names: list[str]) -> str:
    """The differing parts of a row, with its status."""
    parts = {name: row.get(name.partition(".")[0]) for name in names}
    return json.dumps({"status": row["status"], **parts}, ensure_ascii=False)[:600]
