"""Stems: words without their endings, by which texts and the names of parameters are compared.

Mentions: what a text mentions that an argument could be (numbers, names, quotations, dates, addresses).

This is reading by shape, not understanding: a name is a capitalised word, what it is for is told by the words
before it. It is what lets the local endpoint call a tool with values that really stand in the conversation.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

READ = 8_000  # characters of a text that are read: enough for a prompt, and bounded work for any other
_NEAR = 3  # words before a place in a text that say what it is for
_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ion", ""), ("ed", ""), ("er", ""), ("or", ""), ("s", ""))
VOCABULARY = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
STOP = frozenset(VOCABULARY["stop"].split())  # words that say nothing about what a text is about


def stem(word: str) -> str:
    """A word without its commonest English endings, so that cities are city and calculator is calculate."""
    word = word.lower().split("'")[0].split("’")[0]
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + instead
            break
    return word.removesuffix("e") if len(word) > 3 else word


def stems(text: str) -> frozenset[str]:
    """The stems of the words of a text or of an identifier such as `get_weather` or `getWeather`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text[:READ])
    return frozenset(stem(word) for word in re.findall(r"[^\W\d_]+(?:['’][a-z]+)?", spaced))


def telling(text: str) -> frozenset[str]:
    """The stems that say what a text is about."""
    return stems(text) - _STOP_STEMS


def near(text: str, start: int) -> frozenset[str]:
    """The stems of the words just before a place in a text, within its clause and after what is quoted before."""
    clause = re.split(r"[.?!,;:\n\"“”«»`]", text[max(0, start - 60) : start])[-1]
    return frozenset(stem(word) for word in re.findall(r"[^\W\d_]+", clause)[-_NEAR:])


_STOP_STEMS = frozenset(stem(word) for word in STOP)


_LAST = {"code": 1, "plain": 2, "first": 3}  # the kinds that are taken only where nothing better stands

_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"\n]+"|“[^”\n]+”|«[^»\n]+»|`[^`\n]+`|(?<!\w)'[^'\n]+'(?!\w))
    |(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)
    |(?P<uri>https?://[^\s<>"')\]]*[^\s<>"')\].,?!;:])
    |(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
    |(?P<datetime>\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)
    |(?P<date>\b\d{4}-\d\d-\d\d\b)
    |(?P<time>\b\d{1,2}:\d\d(?::\d\d)?\b)
    |(?P<number>(?:(?<!\w)-)?(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?)
    |(?P<word>[^\W\d_](?:[\w'’-]*\w)?)
    |(?P<end>[.?!:\n])
    """,
    re.VERBOSE,
)
_COORDINATED = re.compile(
    r"""
    (?:\s(?:in|on|at|for|with)\s[\w-]+(?:\s[\w-]+)?)?  # something about the first: Paris on Monday
    (?=.*(?:[,;&?.!]|\b(?:and|or|plus|then)\b))
    [\s,;&?.!]*
    (?:(?:and|or|plus|then|also|the|in|at|near|for|from|to|about|of|on|with)\b\s*)*
    """,
    re.VERBOSE | re.IGNORECASE,
)

_OPENERS = frozenset(VOCABULARY["openers"].split())
_DAYS = frozenset(VOCABULARY["days"].split())
_BEFORE = frozenset(VOCABULARY["before_a_value"].split())
_AFTER_A_NAME = frozenset(VOCABULARY["after_a_name"].split())
_INSIDE_A_NAME = frozenset(VOCABULARY["inside_a_name"].split())
_NUMBERS = {word: number for number, word in enumerate(VOCABULARY["numbers"].split(), 2)}


@dataclass(frozen=True, slots=True)
class Mention:
    """Something a text mentions.

    Attributes:
        kind: number, name, code (a name with digits), quoted, email, uri, uuid, datetime, date, time, day, plain for
            ordinary words after a preposition, or first for the word that begins a sentence and may be a name.
        value: what an argument would be.
        span: where it stands in its text.
        near: the stems of the words before it, which say what it is for.
        unit: the stems of the words after it, if it is a number.
    """

    kind: str
    value: str | int | float
    span: tuple[int, int]
    near: frozenset[str]
    unit: frozenset[str] = frozenset()


def coordinated(text: str, first: Mention, second: Mention) -> bool:
    """Whether two mentions are items of one list, as in "in Paris and in Rome"."""
    return bool(_COORDINATED.fullmatch(text[first.span[1] : second.span[0]]))


@lru_cache(maxsize=256)
def mentions(text: str) -> tuple[Mention, ...]:
    """Everything a text mentions, in its order."""
    tokens = [token for token in _TOKEN.finditer(text[:READ])]
    found = [*_literals(text, tokens), *_names(text, tokens)]
    taken = {place for mention in found for place in range(*mention.span)}
    ordinary = (*_plain(text, tokens), *_first(text, tokens))
    found += [mention for mention in ordinary if taken.isdisjoint(range(*mention.span))]
    return tuple(sorted(found, key=lambda mention: (_LAST.get(mention.kind, 0), mention.span)))


def _literals(text: str, tokens: list[re.Match]) -> Iterator[Mention]:
    """Mentions that their spelling gives away."""
    for place, token in enumerate(tokens):
        kind, raw = token.lastgroup, token.group()
        about = near(text, token.start())
        if kind == "number":
            unit = takewhile(lambda word: word.lastgroup == "word", tokens[place + 1 : place + 3])
            plain = raw.replace(",", "")
            value = float(plain) if "." in plain else int(plain)
            yield Mention("number", value, token.span(), about, frozenset(stem(word.group()) for word in unit))
        elif kind == "word" and raw.lower() in _NUMBERS:
            yield Mention("number", _NUMBERS[raw.lower()], token.span(), about)
        elif kind == "word" and raw.lower() in _DAYS:
            yield Mention("day", raw, token.span(), about)
        elif kind == "quoted":
            yield Mention(kind, raw[1:-1], token.span(), about)
        elif kind not in ("word", "end"):
            yield Mention(kind, raw, token.span(), about)


def _names(text: str, tokens: list[re.Match]) -> Iterator[Mention]:
    """Runs of capitalised words, but for the one that merely begins a sentence."""
    place = 0
    while place < len(tokens):
        if not _capital(tokens[place]) or (_opens(tokens, place) and not _named_first(tokens, place)):
            place += 1
            continue
        last = place
        while (following := _continued(text, tokens, last)) is not None:
            last = following
        start, end = tokens[place].start(), tokens[last].end()
        state = re.compile(r", [A-Z]{2}\b").match(text, end)  # San Francisco, CA
        end = state.end() if state else end
        name = re.sub(r"['’]s$", "", text[start:end])
        kind = "code" if any(map(str.isdigit, name)) else "name"
        yield Mention(kind, name, (start, end), near(text, start))
        place = last + 1


def _capital(token: re.Match) -> bool:
    word = token.group()
    return token.lastgroup == "word" and word[0].isupper() and word != "I" and word.lower() not in _DAYS


def _opens(tokens: list[re.Match], place: int) -> bool:
    return place == 0 or tokens[place - 1].lastgroup == "end"


def _opener(token: re.Match) -> bool:
    return re.split("['’]", token.group().lower())[0] in STOP | _OPENERS


def _named_first(tokens: list[re.Match], place: int) -> bool:
    """Whether the word that begins a sentence is a name all the same: "Alice is 30", "Mistral AI was founded"."""
    if _opener(tokens[place]):
        return False
    word = tokens[place].group().lower()
    following = tokens[place + 1] if place + 1 < len(tokens) else None
    return following is None or _capital(following) or following.group() in _AFTER_A_NAME or word.endswith("'s")


def _continued(text: str, tokens: list[re.Match], last: int) -> int | None:
    """The place of the word that continues a name, such as Janeiro in Rio de Janeiro."""
    for following in (last + 1, last + 2):
        if following >= len(tokens) or text[tokens[following - 1].end() : tokens[following].start()] != " ":
            return None
        if _capital(tokens[following]):
            return following
        if tokens[following].group() not in _INSIDE_A_NAME:
            return None
    return None


def _plain(text: str, tokens: list[re.Match]) -> Iterator[Mention]:
    """Ordinary words after a preposition, for those who write "weather in new york"."""
    for place, token in enumerate(tokens):
        if token.group().lower() not in _BEFORE:
            continue
        phrase: list[re.Match] = []
        for word in tokens[place + 1 : place + 5]:
            known = word.group().lower() in STOP | _DAYS
            apart = phrase and text[phrase[-1].end() : word.start()] != " "
            if word.lastgroup != "word" or (known and phrase) or apart or len(phrase) == 3:
                break
            if not known:
                phrase.append(word)
        if phrase:
            span = phrase[0].start(), phrase[-1].end()
            yield Mention("plain", text[slice(*span)], span, near(text, span[0]))


def _first(text: str, tokens: list[re.Match]) -> Iterator[Mention]:
    """The capitalised words that begin sentences, for those who write "Paris weather"."""
    for place, token in enumerate(tokens):
        label = text[token.end() : token.end() + 1] == ":"
        if _opens(tokens, place) and _capital(token) and not _opener(token) and not label:
            yield Mention("first", token.group(), token.span(), frozenset())
