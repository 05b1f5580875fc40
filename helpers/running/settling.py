"""Telling what changed in outputs that hold times and ids: what the tests ignore when they compare does not count."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from functools import cache
from pathlib import Path
from typing import Any

_IGNORED = Path(__file__).resolve().parents[2] / "tests" / "nbval-sanitize.cfg"
_NEWS = "client versions"  # the tests ignore them, readers do not


def settled(value: Any) -> Any:
    """An output, or a part of one, with a word in place of each time, id and so on."""
    if isinstance(value, str):
        for pattern, word in _patterns():
            value = pattern.sub(word, value)
        return value
    if isinstance(value, dict):
        return {name: settled(part) for name, part in value.items() if name != "execution_count"}
    return [settled(part) for part in value] if isinstance(value, list) else value


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = RawConfigParser()
    table.read(_IGNORED, encoding="utf-8")
    rows = (table[name] for name in table.sections() if name != _NEWS)
    return tuple((re.compile(row["regex"]), row["replace"]) for row in rows)
