"""Said: the values for one plain parameter that the texts of a conversation mention, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple

from mistral_on_azure.endpoint.models.tools import patterns
from mistral_on_azure.endpoint.models.tools.mentions import VOCABULARY, Mention, mentions, near, stems, telling

_TEXTS = ("quoted", "name", "code", "plain", "first")
_SPELLED = ("number", "email", "uri")
_KINDS = {  # the mentions that suit a string, by its format or by a word of its name
    "email": ("email",),
    "uri": ("uri",),
    "url": ("uri",),
    "link": ("uri",),
    "uuid": ("uuid",),
    "date-time": ("datetime",),
    "datetime": ("datetime", "date"),
    "date": ("date", "datetime", "day"),
    "day": ("day", "date"),
    "time": ("time",),
}
_KINDS_BY_STEM = {stem: kinds for word, kinds in _KINDS.items() for stem in stems(word) if "-" not in word}
_FREE = stems("query question text prompt message content body expression request instruction sentence passage input")
_FIRST = itemgetter(0)
_ROLES = {role: stems(names) for role, names in VOCABULARY["role"].items()}
_ASKED = stems("is has include with enable allow")  # in the names of booleans: include_details


class Place(NamedTuple):
    """A passage of a text."""

    text: str
    start: int
    end: int

    def holds(self, other: Place) -> bool:
        return self.text == other.text and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a value for one parameter.

    Attributes:
        schema: the parameter's resolved schema.
        kind: its type.
        words: the stems of its name, and the words that stand before values of such a name.
        others: the same for all other parameters of the tool.
        never: stems that are no values, those of the tool's name.
        reach: how far-fetched a mention may be: 0 takes those that stand by the parameter's name, 1 also those that
            suit by kind alone, 2 even those that stand by another's name.
    """

    schema: dict[str, Any]
    kind: str
    words: frozenset[str]
    others: frozenset[str]
    never: frozenset[str]
    reach: int


def said(wanted: Wanted, where: Sequence[Place]) -> Iterator[tuple[Any, Place]]:
    """Values for a parameter, each with the place it was taken from, from the passages one after the other."""
    for passage in where:
        for value, place in _in_text(wanted, passage.text):
            if passage.holds(place):
                yield value, place


def _in_text(wanted: Wanted, text: str) -> Iterator[tuple[Any, Place]]:
    if "enum" in wanted.schema or "const" in wanted.schema:
        yield from _members(wanted, text)
    elif wanted.kind == "boolean":
        yield from _stated(wanted, text)
    elif wanted.kind in ("integer", "number"):
        yield from _mentioned(wanted, text, ("number",))
    elif wanted.kind == "string":
        yield from _strings(wanted, text)


def is_free(words: frozenset[str]) -> bool:
    """Whether a parameter of this name takes a whole text, as a query does."""
    return bool(words & _FREE)


def roles(words: frozenset[str]) -> frozenset[str]:
    """The stems of a name, and the words that stand before values of such a name."""
    return words | {role for role, names in _ROLES.items() if words & names}


def names_in(schema: Any) -> frozenset[str]:
    """What the parameters in a schema are called, and the words that stand before their values."""
    found: frozenset[str] = frozenset()
    if isinstance(schema, dict):
        properties = schema.get("properties")
        for name in properties if isinstance(properties, dict) else ():
            found |= roles(stems(name))
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        found |= names_in(part)
    return found


def _members(wanted: Wanted, text: str) -> Iterator[tuple[Any, Place]]:
    """The members of an enumeration that a text names; last those that stand by another parameter's name."""
    found = []
    for member in wanted.schema.get("enum", [wanted.schema.get("const")]):
        if isinstance(member, bool) or not isinstance(member, str | int | float) or not str(member).strip():
            continue
        spelled = r"[\s_-]".join(map(re.escape, re.split(r"[\s_-]", str(member))))
        flags = re.IGNORECASE if len(str(member)) > 2 else 0
        for match in re.finditer(rf"(?<!\w){spelled}s?(?!\w)", text, flags):
            found.append((bool(near(text, match.start()) & wanted.others), match.span(), member))
    for _, span, member in sorted(found, key=lambda row: row[:2]):
        yield member, Place(text, *span)


def _stated(wanted: Wanted, text: str) -> Iterator[tuple[bool, Place]]:
    """True where a text has a boolean's name; False where it says so with no, not or without."""
    for match in re.finditer(r"[^\W\d_]+", text):
        if telling(match.group()) & (wanted.words - _ASKED):
            refused = near(text, match.start()) & {"no", "not", "without", "don"}
            yield not refused, Place(text, *match.span())


def _strings(wanted: Wanted, text: str) -> Iterator[tuple[Any, Place]]:
    by_name = next((_KINDS_BY_STEM[word] for word in sorted(wanted.words & _KINDS_BY_STEM.keys())), None)
    kinds = _KINDS.get(wanted.schema.get("format", "")) or by_name
    if kinds:
        yield from _mentioned(replace(wanted, reach=2), text, kinds)
    elif "pattern" in wanted.schema:
        for start, end in patterns.within(wanted.schema["pattern"], text):
            yield text[start:end], Place(text, start, end)
    elif wanted.reach and is_free(wanted.words):
        yield from _mentioned(wanted, text, ("quoted",))
        yield text.strip()[: wanted.schema.get("maxLength")], Place(text, 0, len(text))
    else:
        yield from _mentioned(wanted, text, _TEXTS, spelled=True)


def _mentioned(
    wanted: Wanted, text: str, kinds: Sequence[str], *, spelled: bool = False
) -> Iterator[tuple[Any, Place]]:
    """Mentions of some kinds: first those by the parameter's own name, last those by another one's.

    With `spelled`, numbers and addresses count as they are written, but only by the parameter's own name, as in
    "order 12345".
    """
    never = wanted.never | wanted.words | wanted.others  # names of things are no values for them
    for far, mention in sorted(((_far(wanted, text, each, spelled), each) for each in mentions(text)), key=_FIRST):
        place = Place(text, *mention.span)
        if far > wanted.reach or (mention.kind in ("name", "plain", "first") and stems(mention.value) <= never):
            continue
        if mention.kind in kinds:
            yield mention.value, place
        elif spelled and far == 0 and mention.kind in _SPELLED:
            yield text[place.start : place.end], place


def _far(wanted: Wanted, text: str, mention: Mention, spelled: bool) -> int:
    """How far-fetched a mention is for a parameter, as `Wanted.reach` says."""
    about = mention.near if spelled else mention.near | mention.unit - _ROLES.keys()
    if about & wanted.words or (mention.kind == "email" and wanted.words & {"to", "from"}):
        return 0
    somewhere = text[: mention.span[0]].endswith(" in ")  # "lives in Paris" says nothing about a name
    return 2 if about & wanted.others or somewhere else 1
