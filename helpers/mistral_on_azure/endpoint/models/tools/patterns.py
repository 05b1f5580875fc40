"""Patterns: regular expressions of a client, matched and exemplified within a bounded number of steps.

Python's `re` may take exponential time for a pattern that a stranger wrote. Here the standard library only parses a
pattern. Matching keeps the set of all places where the part so far may end, which is polynomial, and each step is
taken from the budget of the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from re import _parser  # the standard library's own reader of regular expressions; it has no public name
from string import printable
from typing import Any

LONGEST_PATTERN = 1_000  # characters
_LONGEST_TEXT = 2_000  # characters that are matched or made up
_REPETITIONS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89)  # beyond the fewest that a pattern asks for

# A state of matching: a place in the text, and the (number, text) of the groups that a back reference may ask for.
_State = tuple[int, tuple[tuple[int, str], ...]]


class Unsatisfiable(Exception):
    """No value that fits was found; the message says why."""


class Steps:
    """The budget of work for one request, shared by everything that its tools' schemas decide."""

    def __init__(self, most: int) -> None:
        self.most = self.left = most

    def take(self, steps: int = 1) -> None:
        """Use up steps.

        Raises:
            Unsatisfiable: when more than the whole budget was asked for.
        """
        self.left -= steps
        if self.left < 0:
            raise Unsatisfiable(f"the schema takes more than {self.most} steps")


class Pattern:
    """A parsed regular expression.

    Args:
        source: the pattern as the client wrote it.
        steps: the budget that matching takes from.

    Raises:
        ValueError: for a pattern that is none, or is too long.
    """

    def __init__(self, source: str, steps: Steps) -> None:
        if len(source) > LONGEST_PATTERN:
            raise ValueError(f"a pattern has more than {LONGEST_PATTERN} characters")
        steps.take(len(source) // 10)
        try:
            self._tree = _parser.parse(source)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the pattern {source!r} is not a regex: {error}") from None
        self._steps = steps
        self._fold = bool(self._tree.state.flags & re.IGNORECASE)
        self._refers_back = bool(re.search(r"\\[1-9]|\(\?P=", source))

    def matches(self, text: str) -> bool:
        """Whether the pattern is found anywhere in a text of at most 2,000 characters.

        Raises:
            Unsatisfiable: when the budget is used up, or for a construct that JSON Schema does not have.
        """
        if len(text) > _LONGEST_TEXT:
            raise Unsatisfiable(f"a text for a pattern has more than {_LONGEST_TEXT} characters")
        return bool(self._ends(self._tree, {(place, ()) for place in range(len(text) + 1)}, text))

    def examples(self) -> Iterator[str]:
        """Texts that match, the shortest first; a few patterns (with look-around) may get none."""
        for more in _REPETITIONS:
            text = self._spell(self._tree, more, {})
            if text is None:
                return
            if self.matches(text):
                yield text

    def _ends(self, tree: Iterable[Any], states: set[_State], text: str) -> set[_State]:
        """Where a sequence of parts may end that begins in one of some states."""
        for name, argument in tree:
            self._steps.take(1 + len(states))
            states = self._part_ends(str(name), argument, states, text)
            if not states:
                break
        return states

    def _part_ends(self, name: str, argument: Any, states: set[_State], text: str) -> set[_State]:
        match name:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                accepts = self._accepts(name, argument)
                return {(at + 1, groups) for at, groups in states if at < len(text) and accepts(text[at])}
            case "AT":
                return {state for state in states if _stands(str(argument), state[0], text)}
            case "BRANCH":
                return set().union(*(self._ends(branch, states, text) for branch in argument[1]))
            case "SUBPATTERN":
                number, tree = argument[0], argument[-1]
                if number is None or not self._refers_back:
                    return self._ends(tree, states, text)
                ends = ((at, groups, end) for at, groups in states for end in self._ends(tree, {(at, groups)}, text))
                return {(end, (*inner, (number, text[at:end]))) for at, _, (end, inner) in ends}
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeated(*argument, states, text)
            case "GROUPREF":
                spelled = [(at, groups, dict(groups).get(argument, "")) for at, groups in states]
                return {(at + len(said), groups) for at, groups, said in spelled if text.startswith(said, at)}
            case "ASSERT" | "ASSERT_NOT":
                return {state for state in states if self._looks(*argument, state, text) == (name == "ASSERT")}
        raise Unsatisfiable(f"the local endpoint matches no pattern with {name.lower().replace('_', ' ')}")

    def _repeated(self, fewest: int, most: int, tree: Any, states: set[_State], text: str) -> set[_State]:
        found = set(states) if fewest == 0 else set()
        for times in range(1, int(most) + 1):
            self._steps.take()
            states = self._ends(tree, states, text)
            if not states or (times > fewest and states <= found):  # nothing new can follow
                break
            if times >= fewest:
                found |= states
        return found

    def _looks(self, direction: int, tree: Any, state: _State, text: str) -> bool:
        """Whether what look-ahead or look-behind asks for stands beside a place."""
        at, groups = state
        if direction > 0:
            return bool(self._ends(tree, {state}, text))
        return any(end == at for end, _ in self._ends(tree, {(start, groups) for start in range(at + 1)}, text))

    def _accepts(self, name: str, argument: Any) -> Callable[[str], bool]:
        """A test of one character."""
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

    def _spell(self, tree: Any, more: int, groups: dict[int, str]) -> str | None:
        """A text for a sequence of parts, None if it would be too long."""
        text = ""
        for name, argument in tree:
            self._steps.take()
            part = self._spell_part(str(name), argument, more, groups)
            if part is None or len(text) + len(part) > _LONGEST_TEXT:
                return None
            text += part
        return text

    def _spell_part(self, name: str, argument: Any, more: int, groups: dict[int, str]) -> str | None:
        match name:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL" | "ANY" | "IN":
                accepts = self._accepts(name, argument)
                ends = [value[0] if str(kind) == "RANGE" else value for kind, value in argument] if name == "IN" else []
                odd = [chr(each) for each in ends if isinstance(each, int)]  # as é in [é-ü]
                return next((letter for letter in ["a", "0", "A", *printable, *odd] if accepts(letter)), None)
            case "MAX_REPEAT" | "MIN_REPEAT":
                fewest, most, tree = argument
                times = min(int(most), int(fewest) + more)
                unit = self._spell(tree, more, groups) if times else ""
                return None if unit is None or len(unit) * times > _LONGEST_TEXT else unit * times
            case "SUBPATTERN":
                text = self._spell(argument[-1], more, groups)
                groups[argument[0]] = text or ""
                return text
            case "BRANCH":
                return self._spell(argument[1][0], more, groups)
            case "GROUPREF":
                return groups.get(argument, "")
        return ""  # anchors and look-around take no characters; `matches` checks them


def _stands(where: str, at: int, text: str) -> bool:
    """Whether an anchor holds at a place."""
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
