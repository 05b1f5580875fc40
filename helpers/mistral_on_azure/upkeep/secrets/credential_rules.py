"""The kinds of credentials that have a fixed prefix, read from `rules.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A credential: where it is in a text, as bytes from its start, and its kind."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential.

    Attributes:
        prefixes: a literal text that is in every one.
        back: how many bytes before that text it begins.
        before: 1 where no letter, digit or underscore may stand in front of it.
        regex: matches at its beginning; the first group is the secret, where there is one.
        short: whether it may be without any long run of letters and digits, which are found faster.
        example: as in `rules.toml`, with placeholders.
    """

    name: str
    prefixes: tuple[bytes, ...]
    regex: re.Pattern[bytes]
    back: int
    before: int
    short: bool
    example: str

    def find(self, text: bytes) -> Iterator[Found]:
        """Each credential of this kind. Only what stands behind a prefix is looked at, so the time is linear."""
        for prefix in self.prefixes:
            at = text.find(prefix)
            while at >= 0:
                start = at - self.back
                alone = start >= 0 and not (self.before and _in_a_word(text, start))
                found = self.regex.match(text, start) if alone else None
                if found:
                    group = found.lastindex or 0
                    yield Found(found.start(group), found.end(group), self.name)
                at = text.find(prefix, max(found.end() if found else 0, at + len(prefix)))


def _in_a_word(text: bytes, start: int) -> bool:
    before = text[start - 1 : start]
    return before.isalnum() or before == b"_"


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    rows = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))["rule"]
    return tuple(
        Rule(
            row["name"],
            tuple(each.encode() for each in row["prefixes"]),
            re.compile(row["regex"].encode()),
            row.get("back", 0),
            row.get("before", 0),
            row.get("short", False),
            row["example"],
        )
        for row in rows
    )
