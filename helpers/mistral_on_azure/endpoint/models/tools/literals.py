"""Literals: numbers, names and other values that a text contains, and that may be arguments of a tool call.

They are found by these rules:

- numbers, quotations, e-mail addresses, URLs, UUIDs, dates and times are recognised by their spelling;
- a name is a sequence of capitalised words, without the first word of a sentence if that is a common word;
- words after a preposition are taken if there is no name, as in "weather in new york";
- the three words before a literal in its clause decide for which parameter it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

NAMED, SUITS, ANYWHERE = range(3)  # a literal beside the parameter's name, beside no name, beside another one's name
READ = 8_000  # characters of a text that are searched for literals
_RANKS = {"code": 1, "plain": 2, "first": 3}  # kinds with a higher rank are taken after others
LAST_RESORT = ("plain", "first")  # the least reliable kinds


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NUMBER_WORDS = "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"
_NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS, 2)}
_PREPOSITIONS = _set("in at near for from to about of on with into named called")
_INSIDE_A_NAME = _set("de da do del di du la las los van von der")
_SUBJECT = _set("is was has had lives works wants")  # verbs after a word that show that it is a name
_COMMON = _set("""
    a an the this that these those and or but if then so as is are was were do does did have has had can could
    will would should may must i i'm my we our you your he she it its they their what what's which who where
    when why how all any some please in at for from to about of on with by up use get give tell show say ask
    find look make let want need know add book buy call compare compute convert create delete describe email
    explain extract generate hello help hi list multiply open order plan read remind remove search send set
    start stop summarize translate turn update write using take see not no yes also answer also today tomorrow
""")
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
    |(?P<word>[^\W\d_](?:[\w'’-]{0,100}\w)?)
    |(?P<end>[.?!:;,\n])
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that a text contains.

    Attributes:
        kind: number, name, code (a name with digits), quoted, email, uri, uuid, datetime, date, time, first (a name
            at the beginning of a sentence) or plain (words in lower case after a preposition).
        value: the argument that it would be.
        start, end: its characters in the text, as for a slice.
        before: up to three words before it in its clause, the nearest first.
        after: up to two words after it.
    """

    kind: str
    value: str | float
    start: int
    end: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def words(text: str) -> tuple[str, ...]:
    """The words of a text, or of an identifier such as `getWeather`, in lower case and without a plural s."""
    found = (word.lower() for word in _WORD.findall(_HUMP.sub(" ", text[:READ])))
    return tuple(word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word for word in found)


def literals(text: str) -> list[Literal]:
    """The literals in the first 8,000 characters of a text, by the rank of their kind and then by place."""
    tokens = [*_TOKEN.finditer(text[:READ])]
    spelled = [words(token.group()) for token in tokens]
    found = [*_spelled(tokens), *_names(text, tokens), *_plain(text, tokens)]
    found = [_placed(each, tokens, spelled) for each in found]
    return sorted(found, key=lambda each: (_RANKS.get(each.kind, 0), each.start))


_Found = tuple[str, str | float, int, int]  # kind, value, and the indices of the first and the last token


def _placed(found: _Found, tokens: list[re.Match], spelled: list[tuple[str, ...]]) -> Literal:
    kind, value, first, last = found
    before: list[str] = []
    for place in range(first - 1, max(-1, first - 4), -1):
        if tokens[place].lastgroup in ("end", "quoted"):
            break
        before += spelled[place][-1:]
    after = tuple(word for each in spelled[last + 1 : last + 3] for word in each[:1])
    return Literal(kind, value, tokens[first].start(), tokens[last].end(), tuple(before), after)


def _spelled(tokens: list[re.Match]) -> Iterator[_Found]:
    for place, token in enumerate(tokens):
        kind, raw = token.lastgroup, token.group()
        if kind == "number":
            plain = raw.replace(",", "")
            yield (kind, float(plain) if "." in plain else int(plain), place, place)
        elif raw.lower() in _NUMBERS:
            yield ("number", _NUMBERS[raw.lower()], place, place)
        elif kind == "quoted":
            yield (kind, raw[1:-1], place, place)
        elif kind not in ("word", "end"):
            yield (kind, raw, place, place)


def _names(text: str, tokens: list[re.Match]) -> Iterator[_Found]:
    place = 0
    while place < len(tokens):
        opens = place == 0 or tokens[place - 1].group() in ".?!:\n"
        if not _capital(tokens[place]) or (opens and tokens[place].group().lower() in _COMMON):
            place += 1
            continue
        last = place
        while (following := _continued(text, tokens, last)) is not None:
            last = following
        value = re.sub(r"['’]s$", "", text[tokens[place].start() : tokens[last].end()])
        after = tokens[last + 1].group() if last + 1 < len(tokens) else "."
        label = after == ":" and opens  # such as "Customer" in "Customer: Jane Doe"
        kind = "first" if opens and last == place and after not in _SUBJECT and len(tokens) > 1 else "name"
        if not label:
            yield ("code" if any(map(str.isdigit, value)) else kind, value, place, last)
        place = last + 1


def _capital(token: re.Match) -> bool:
    letter = token.group()[0]
    return token.lastgroup == "word" and letter.isalpha() and not letter.islower() and token.group() != "I"


def _continued(text: str, tokens: list[re.Match], last: int) -> int | None:
    """The index of the next word of a name, such as Janeiro in "Rio de Janeiro" or CA in "San Francisco, CA"."""
    for following in (last + 1, last + 2):
        if following >= len(tokens):
            return None
        gap = text[tokens[following - 1].end() : tokens[following].start()]
        if following == last + 2 and tokens[last + 1].group() == ",":
            return following if gap == " " and re.fullmatch("[A-Z]{2}", tokens[following].group()) else None
        if gap == " " and _capital(tokens[following]):
            return following
        if tokens[following].group() != "," and (gap != " " or tokens[following].group() not in _INSIDE_A_NAME):
            return None
    return None


def _plain(text: str, tokens: list[re.Match]) -> Iterator[_Found]:
    for place, token in enumerate(tokens):
        if token.group().lower() not in _PREPOSITIONS:
            continue
        first = last = place + 1
        while last < len(tokens) and last < first + 3 and tokens[last].lastgroup == "word":
            if tokens[last].group().lower() in _COMMON or _capital(tokens[last]):
                break
            last += 1
        if last > first:
            value = text[tokens[first].start() : tokens[last - 1].end()]
            yield ("plain", value, first, last - 1)


class Passage:
    """A text of the conversation, or a part of it.

    Args:
        text: the complete text.
        start: first character of the part.
        end: character after the part; None is the end of the text.
        whole: the passage of the complete text, whose literals are shared.
    """

    def __init__(self, text: str, start: int = 0, end: int | None = None, whole: Passage | None = None) -> None:
        self.text, self.start, self.end, self._whole = text, start, len(text) if end is None else end, whole

    @cached_property
    def literals(self) -> list[Literal]:
        """The literals in this passage. The complete text is searched once for all of its parts."""
        if self._whole is None:
            return literals(self.text)
        return [each for each in self._whole.literals if self.start <= each.start < self.end]

    def part(self, start: int, end: int) -> Passage:
        """The part of the text between two of its characters."""
        return Passage(self.text, start, end, self._whole or self)


_ROLES = {  # words before a value, and the words in the names of parameters that take such a value
    "from": frozenset(words("origin source start departure sender")),
    "to": frozenset(words("destination target end arrival recipient until")),
    "in": frozenset(words("city location place country language")),
    "old": frozenset(words("age")),
    "about": frozenset(words("topic subject")),
    "saying": frozenset(words("body message text content")),
}


def far_fetched(before: Sequence[str], near: frozenset[str], others: frozenset[str]) -> int:
    """How likely a literal is meant for a parameter, by the words before it: NAMED, SUITS or ANYWHERE.

    Args:
        before: the words before the literal.
        near: words of the parameter's name, and words that stand before values of such a parameter.
        others: the same of the other parameters.
    """
    if near.intersection(before):
        return NAMED
    return ANYWHERE if others.intersection(before) else SUITS


def roles(name: frozenset[str]) -> frozenset[str]:
    """The words that stand before values of a parameter, by the words of its name."""
    return frozenset(word for word, parameters in _ROLES.items() if word in name or name & parameters)


_PERSON = frozenset(words("name person owner author customer user"))
_ADDRESSED = frozenset(words("to from recipient sender"))


def distance(
    literal: Literal, name: frozenset[str], near: frozenset[str], others: frozenset[str], spelled: bool
) -> int:
    """How likely a literal is meant for a parameter, by its kind and the words around it: NAMED, SUITS or ANYWHERE."""
    if (literal.kind == "email" and name & _ADDRESSED) or (not spelled and near.intersection(literal.after)):
        return NAMED
    far = far_fetched(literal.before, near, others)
    return ANYWHERE if far == SUITS and "in" in literal.before[:1] and name & _PERSON else far
