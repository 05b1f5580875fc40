"""Matches regular expressions of a client, and generates texts that match, in a bounded number of steps.

Python's `re` may take exponential time for some patterns. Here the standard library only parses a pattern. The matcher
keeps the set of all positions at which the pattern so far may end, which takes polynomial time, and each step is taken
from the budget of the request. Such a matcher does not support back references; a pattern with one cannot be matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from re import _parser  # the parser of the standard library, which has no public name
from string import printable
from typing import Any

LONGEST_PATTERN = 1_000  # characters
_LONGEST_TEXT = 2_000  # characters of a text that is matched or generated
_REPETITIONS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)  # added to the minimum of each quantifier, for examples


class BadSchema(Exception):
    """An invalid schema, or an invalid pattern in one; the message has the reason."""


class Unsatisfiable(Exception):
    """No value that fits a schema was found; the message has the reason."""


class Steps:
    """The budget of work for one request, which all schemas of its tools share.

    Args:
        most: the number of steps.
    """

    def __init__(self, most: int) -> None:
        self.most = self.left = most

    def take(self, steps: int = 1) -> None:
        """Take steps from the budget.

        Raises:
            Unsatisfiable: when the budget is used up.
        """
        self.left -= steps
        if self.left < 0:
            raise Unsatisfiable(f"the schema takes more than {self.most} steps")


class Pattern:
    """A parsed regular expression.

    Args:
        source: the regular expression.
        steps: the budget for parsing and matching.

    Raises:
        BadSchema: for a pattern that is invalid, or longer than 1,000 characters.
    """

    def __init__(self, source: str, steps: Steps) -> None:
        if len(source) > LONGEST_PATTERN:
            raise BadSchema(f"a pattern has more than {LONGEST_PATTERN} characters")
        steps.take(len(source) // 10)
        try:
            self._tree = _parser.parse(source)
        except (re.error, OverflowError, RecursionError) as error:
            raise BadSchema(f"the pattern {source!r} is not a regex: {error}") from None
        self._steps = steps
        self._fold = bool(self._tree.state.flags & re.IGNORECASE)

    def matches(self, text: str) -> bool:
        """Whether the pattern is found anywhere in a text of at most 2,000 characters.

        Raises:
            Unsatisfiable: when the budget is used up, or for a construct that JSON Schema does not have.
        """
        if len(text) > _LONGEST_TEXT:
            raise Unsatisfiable(f"a text for a pattern has more than {_LONGEST_TEXT} characters")
        return bool(self._ends(self._tree, set(range(len(text) + 1)), text))

    def examples(self) -> Iterator[str]:
        """Texts that match, the shortest first. For some patterns, with look-around for example, none is found."""
        for more in _REPETITIONS:
            text = self._spell(self._tree, more)
            if text is None:
                return
            if self.matches(text):
                yield text

    def _ends(self, tree: Iterable[Any], places: set[int], text: str) -> set[int]:
        """The positions at which a sequence of parts may end, if it begins at one of `places`."""
        for name, argument in tree:
            self._steps.take(1 + len(places))
            places = self._part_ends(str(name), argument, places, text)
            if not places:
                break
        return places

    def _part_ends(self, name: str, argument: Any, places: set[int], text: str) -> set[int]:
        match name:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                accepts = self._accepts(name, argument)
                return {at + 1 for at in places if at < len(text) and accepts(text[at])}
            case "AT":
                return {at for at in places if _stands(str(argument), at, text)}
            case "BRANCH":
                return set().union(*(self._ends(branch, places, text) for branch in argument[1]))
            case "SUBPATTERN":
                return self._ends(argument[-1], places, text)
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeated(*argument, places, text)
            case "ASSERT" | "ASSERT_NOT":
                return {at for at in places if self._looks(*argument, at, text) == (name == "ASSERT")}
        raise Unsatisfiable(f"the local endpoint does not support {name.lower().replace('_', ' ')} in a pattern")

    def _repeated(self, fewest: int, most: int, tree: Any, places: set[int], text: str) -> set[int]:
        found = set(places) if fewest == 0 else set()
        for times in range(1, int(most) + 1):
            self._steps.take()
            places = self._ends(tree, places, text)
            if not places or (times > fewest and places <= found):  # nothing new can follow
                break
            if times >= fewest:
                found |= places
        return found

    def _looks(self, direction: int, tree: Any, at: int, text: str) -> bool:
        """Whether the pattern of a look-ahead or look-behind matches at a position."""
        if direction > 0:
            return bool(self._ends(tree, {at}, text))
        return any(at in self._ends(tree, {start}, text) for start in range(at + 1))

    def _accepts(self, name: str, argument: Any) -> Callable[[str], bool]:
        """A function that tests one character."""
        if name == "ANY":
            return lambda letter: letter != "\n"
        members = [("LITERAL", argument)] if name != "IN" else [(str(kind), value) for kind, value in argument]
        negated = name == "NOT_LITERAL" or members[0][0] == "NEGATE"
        self._steps.take(len(members))

        def inside(letter: str) -> bool:
            code = ord(letter)
            return any(
                (kind == "LITERAL" and code == value)
                or (kind == "RANGE" and value[0] <= code <= value[1])
                or (kind == "CATEGORY" and _belongs(str(value), letter))
                for kind, value in members
            )

        if self._fold:
            return lambda letter: (inside(letter.lower()) or inside(letter.upper()[0])) != negated
        return lambda letter: inside(letter) != negated

    def _spell(self, tree: Any, more: int) -> str | None:
        """A text for a sequence of parts; None if it would be too long or a part has none."""
        text = ""
        for name, argument in tree:
            self._steps.take()
            part = self._spell_part(str(name), argument, more)
            if part is None or len(text) + len(part) > _LONGEST_TEXT:
                return None
            text += part
        return text

    def _spell_part(self, name: str, argument: Any, more: int) -> str | None:
        match name:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL" | "ANY" | "IN":
                accepts = self._accepts(name, argument)
                ends = [value[0] if str(kind) == "RANGE" else value for kind, value in argument] if name == "IN" else []
                odd = [chr(each) for each in ends if isinstance(each, int)]  # such as é of [é-ü]
                return next((letter for letter in ["a", "0", "A", *printable, *odd] if accepts(letter)), None)
            case "MAX_REPEAT" | "MIN_REPEAT":
                fewest, most, tree = argument
                times = min(int(most), int(fewest) + more)
                unit = self._spell(tree, more) if times else ""
                return None if unit is None or len(unit) * times > _LONGEST_TEXT else unit * times
            case "SUBPATTERN":
                return self._spell(argument[-1], more)
            case "BRANCH":
                return self._spell(argument[1][0], more)
        return ""  # anchors and look-around take no characters; `matches` checks them


def _stands(where: str, at: int, text: str) -> bool:
    """Whether an anchor such as ^ or a word boundary matches at a position."""
    if where in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return at == 0
    if where in ("AT_END", "AT_END_STRING"):
        return at == len(text)
    before, after = (_belongs("CATEGORY_WORD", letter) for letter in (text[:at][-1:], text[at : at + 1]))
    return (before != after) == (where == "AT_BOUNDARY")


def _belongs(category: str, letter: str) -> bool:
    name = category.removeprefix("CATEGORY_")
    kind = name.removeprefix("NOT_")
    belongs = {"DIGIT": letter.isdigit, "SPACE": letter.isspace, "WORD": lambda: letter.isalnum() or letter == "_"}
    return belongs[kind]() != name.startswith("NOT_")
