"""The script: what the local endpoint says to which prompt, from script.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table() -> dict[str, Any]:
    """All of script.toml."""
    return tomllib.loads(Path(__file__).with_name("script.toml").read_text(encoding="utf-8"))


@cache
def script() -> dict[tuple[str | None, str], tuple[str, ...]]:
    """The scripted answers by (system prompt or None, prompt)."""
    return {(row.get("system"), row["prompt"]): tuple(row["answers"]) for row in table()["exchange"]}


@cache
def unknown_prompt() -> tuple[str, ...]:
    """What is said to a prompt the script does not know."""
    return (table()["unknown_prompt"],)


def candidates(system: str | None, prompt: str) -> tuple[str, ...]:
    """The ranked answers to a prompt, the honest notice if there is none."""
    lines, prompt = script(), prompt.strip()
    return lines.get((system, prompt)) or lines.get((None, prompt)) or unknown_prompt()
