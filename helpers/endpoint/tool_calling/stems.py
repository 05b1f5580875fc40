"""Stems: words without their endings, by which texts and the names of parameters are compared."""

from __future__ import annotations

import re
import tomllib
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
