"""Values for the arguments of a tool call: the literals that a text contains, and plain values that fit a schema.

Numbers in digits, quotations, e-mail addresses, URLs, UUIDs, dates, times and words with digits are recognised by their
spelling. A name is a sequence of words that begin with a capital letter, without the word that opens a sentence. Plain
values, such as 0, false or "unknown", stand where no literal of the conversation fits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mistral_on_azure.endpoint.models.tools.patterns import Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema, kind_of

READ = 8_000  # characters of a text that are searched for literals
_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"\n]{1,500}"|“[^”\n]{1,500}”|«[^»\n]{1,500}»|`[^`\n]{1,500}`|(?<!\w)'[^'\n]{1,500}'(?!\w))
    |(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)
    |(?P<uri>https?://[^\s<>"')\]]{0,2000}[^\s<>"')\].,?!;:])
    |(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
    |(?P<datetime>\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)
    |(?P<date>\b\d{4}-\d\d-\d\d\b)
    |(?P<time>\b\d{1,2}:\d\d(?::\d\d)?\b)
    |(?P<number>(?:(?<!\w)-)?(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?)
    |(?P<boolean>\b(?i:true|false)\b)
    |(?P<word>[^\W\d_](?:(?:[\w-]|['’](?=[A-Z])){0,100}\w)?)
    |(?P<end>[.?!\n])
    |(?P<pause>[,;])
    """,
    re.VERBOSE,
)
_REGION = re.compile(r", [A-Z]{2}(?![\w@-])")  # what follows the city in "San Francisco, CA"
_QUESTION = re.compile(r"[^.?!\n]*\?")
_BETWEEN_ITEMS = re.compile(r"(?:,|,? and(?: \w+)?) ")  # as in "Paris, Rome and in Oslo"
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that a text contains.

    Attributes:
        kind: a group of `_TOKEN`, name, code (a word with digits), or opening (a single word that opens a sentence).
        value: the argument that it would be.
        start, end: its characters in the text, as for a slice.
        beside: the word directly before it, and the one after a number.
    """

    kind: str
    value: str | float
    start: int
    end: int
    beside: frozenset[str]


def words(text: str) -> tuple[str, ...]:
    """The words of a text, or of an identifier such as `getWeather`, in lower case."""
    return tuple(word.lower() for word in _WORD.findall(_HUMP.sub(" ", text[:READ])))


def folded(text: str) -> str:
    """A text in lower case, with spaces for hyphens and underscores."""
    return re.sub(r"[\s_-]", " ", text.lower())


class Text:
    """A text of the conversation.

    Args:
        text: the text.
        whole: whether names include the word that opens a sentence, as in "Jane Doe is 30", unless it is a question.
            Literals of the kind opening are found only then.
    """

    def __init__(self, text: str, *, whole: bool) -> None:
        self.text, self._whole = text, whole

    @cached_property
    def literals(self) -> list[Literal]:
        """The literals in the first 8,000 characters, in their order; codes come last."""
        tokens = [*_TOKEN.finditer(self.text[:READ])]
        found = []
        for kind, value, first, last in (*_spelled(tokens), *_names(self.text, tokens, self._whole)):
            near = tokens[max(0, first - 1) : first] + (tokens[last + 1 : last + 2] if kind == "number" else [])
            beside = {word for token in near if token.lastgroup == "word" for word in words(token.group())}
            found.append(Literal(kind, value, tokens[first].start(), tokens[last].end(), frozenset(beside)))
        return sorted(found, key=lambda each: (each.kind == "code", each.start))

    @cached_property
    def folded(self) -> str:
        """The text as `folded` returns it."""
        return folded(self.text)

    def listed(self, one: Literal) -> list[Literal]:
        """The list to which a literal belongs: literals of its kind with a comma or "and" between them."""
        run: list[Literal] = []
        for each in self.literals:
            if each.kind == one.kind:
                if run and not _BETWEEN_ITEMS.fullmatch(self.text, run[-1].end, each.start):
                    if one in run:
                        break
                    run = []
                run.append(each)
        return run


_Found = tuple[str, str | float, int, int]  # kind, value, and the indices of the first and the last token


def _spelled(tokens: Sequence[re.Match]) -> Iterator[_Found]:
    for place, token in enumerate(tokens):
        kind, value = token.lastgroup, token.group()
        if kind == "number":
            plain = value.replace(",", "")
            yield kind, float(plain) if "." in plain else int(plain), place, place
        elif kind == "boolean":
            yield kind, value.lower() == "true", place, place
        elif kind == "word" and _has_digit(value):
            yield "code", value, place, place
        elif kind not in ("word", "end", "pause"):
            yield kind, value[1:-1] if kind == "quoted" else value, place, place


def _names(text: str, tokens: Sequence[re.Match], whole: bool) -> Iterator[_Found]:
    place, opens = 0, True
    while place < len(tokens):
        first, place = place, place + 1
        if not _is_capital(tokens[first]):
            opens = tokens[first].lastgroup == "end"
            continue
        while place < len(tokens) and _is_capital(tokens[place]):
            if text[tokens[place - 1].end() : tokens[place].start()] != " ":
                break
            place += 1
        alone = opens and place == first + 1
        if _REGION.match(text, tokens[place - 1].end()):
            place, alone, opens = place + 2, False, opens and not alone
        if opens and not (whole and not _QUESTION.match(text, tokens[first].start())):
            first += 1
        opens = False
        if first == place:
            continue
        value = text[tokens[first].start() : tokens[place - 1].end()]
        if len(value) > 1:  # no name is a single letter
            yield "opening" if alone else "name", value, first, place - 1


def _is_capital(token: re.Match) -> bool:
    return token.lastgroup == "word" and not token.group()[0].islower() and not _has_digit(token.group())


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


MOST_ITEMS = 100  # items of a list
_LONGEST = 10_000  # characters of a text
_EXAMPLES = {
    "email": "someone@example.com",
    "uri": "https://example.com",
    "uri-reference": "https://example.com",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
}


def plainest(whole: ToolSchema, schema: dict[str, Any]) -> Iterator[Any]:
    """Candidates for a resolved schema without alternatives, the plainest first. The caller checks whether they fit.

    Args:
        whole: the tool's schema, which has the parsed patterns.
        schema: the part of it that the value is for.

    Raises:
        Unsatisfiable: for a text that would be longer than 10,000 characters.
    """
    yield from schema.get("enum", ())
    kind = kind_of(schema)
    if kind == "boolean":
        yield from (False, True)
    elif kind in ("integer", "number"):
        yield from _numbers(schema)
    elif kind == "string":
        yield from (each for each in schema.get("examples", ()) if isinstance(each, str))
        if schema.get("format") in _EXAMPLES:
            yield _EXAMPLES[schema["format"]]
        if "pattern" in schema:
            yield from whole.patterns[schema["pattern"]].examples()
        yield from _texts(schema)


def _numbers(schema: dict[str, Any]) -> Iterator[float]:
    """0 and 1, then numbers at the bounds, then multiples of `multipleOf`."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf", 1)
    yield from (0, 1)
    for bound in (low, high):
        if bound is not None:
            below = math.floor(bound / step) * step
            yield from (bound, below, below + step, below - step)
    if low is not None and high is not None:
        yield (low + high) / 2
    start = 0 if low is None else math.ceil(low / step) * step
    yield from (start + step * n for n in range(MOST_ITEMS))


def _texts(schema: dict[str, Any]) -> Iterator[str]:
    """Different texts that are at least `minLength` characters long."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", _LONGEST)
    if least > _LONGEST:
        raise Unsatisfiable(f"a text has more than {_LONGEST} characters")
    for number in range(1, MOST_ITEMS):
        text = "unknown" if number == 1 else f"unknown {number}"
        yield text[:most] if len(text) >= least else (f"{text} " * least)[:least]
    yield from ("a" * least, *(chr(letter) * max(least, 1) for letter in range(97, 123)))
