"""Patterns: a text that matches a regular expression, for arguments whose schema has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _parser  # the standard library's own reader of regular expressions; it has no public name
from string import printable
from typing import Any

_READ = 2_000  # characters that are searched: a tool's pattern may be slow
_LONGEST = 4_096  # characters that are made up
_LENGTHS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)  # repetitions beyond the fewest that a pattern asks for
_SAMPLES = {"DIGIT": "0", "SPACE": " ", "WORD": "a", "NOT_DIGIT": "a", "NOT_SPACE": "a", "NOT_WORD": "-"}


class _TooLong(Exception):
    """Nothing short matches."""


def within(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    """The passages of a text that a pattern describes, its anchors put aside: an order number in a sentence."""
    loose = re.sub(r"^\^|\\A", "", re.sub(r"(?<!\\)\$$|\\[Zz]$", "", pattern))
    try:
        found = re.compile(rf"(?<!\w)(?:{loose})(?!\w)")
    except re.error:  # flags that must stand at the beginning
        return
    yield from (match.span() for match in found.finditer(text[:_READ]) if match.group())


def matching(pattern: str) -> Iterator[str]:
    """Texts made up to match a pattern, the shortest first; a few patterns (with look-around) may get none."""
    tree = _parser.parse(pattern)
    for more in _LENGTHS:
        try:
            text = _spell(tree, more, {})
        except _TooLong:
            return
        if re.search(pattern, text):
            yield text


def _spell(tree: Any, more: int, groups: dict[int, str]) -> str:
    text = "".join(_part(str(name), argument, more, groups) for name, argument in tree)
    if len(text) > _LONGEST:
        raise _TooLong
    return text


def _part(name: str, argument: Any, more: int, groups: dict[int, str]) -> str:
    match name:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL" | "ANY" | "IN":
            accepts = _accepts(argument) if name == "IN" else lambda letter: letter != argument
            return next((letter for letter in "a0A" + printable if accepts(ord(letter))), "") or _first(argument)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            fewest, most, tree = argument
            unit, times = _spell(tree, more, groups), min(int(most), int(fewest) + more)
            if len(unit) * times > _LONGEST:
                raise _TooLong
            return unit * times
        case "SUBPATTERN":
            groups[argument[0]] = _spell(argument[-1], more, groups)
            return groups[argument[0]]
        case "ATOMIC_GROUP":
            return _spell(argument, more, groups)
        case "BRANCH":
            return _spell(argument[1][0], more, groups)
        case "GROUPREF":
            return groups.get(argument, "")
    return ""  # anchors and look-around: what they ask is checked on the whole text


def _accepts(members: Any) -> Any:
    """Whether a letter is in a set such as [a-z0-9_]."""
    pattern_members = [(str(name), argument) for name, argument in members]
    negated = pattern_members[0][0] == "NEGATE"

    def inside(letter: int) -> bool:
        return any(
            (name == "LITERAL" and letter == argument)
            or (name == "RANGE" and argument[0] <= letter <= argument[1])
            or (name == "CATEGORY" and _categorised(str(argument), chr(letter)))
            for name, argument in pattern_members
        )

    return lambda letter: inside(letter) != negated


def _categorised(category: str, letter: str) -> bool:
    name = category.removeprefix("CATEGORY_")
    belongs = {"DIGIT": letter.isdigit(), "SPACE": letter.isspace(), "WORD": letter.isalnum() or letter == "_"}
    return not belongs[name[4:]] if name.startswith("NOT_") else belongs[name]


def _first(members: Any) -> str:
    """The first letter of a set that has none of the usual ones, such as [é-ü]."""
    for name, argument in members:
        if str(name) in ("LITERAL", "RANGE"):
            return chr(argument if str(name) == "LITERAL" else argument[0])
    return ""
