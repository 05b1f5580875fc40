"""Understanding which task and which client are meant: a heading, a slug, a part of it, or nearly so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from mistral_on_azure.catalog.sections import CLIENTS
from mistral_on_azure.errors import CookbookError

_CLOSE = 0.75  # from this likeness on, a word counts as mistyped or inflected


def slug(heading: str) -> str:
    """A heading as it is typed on a command line and as a file is named: `stream-the-answer`."""
    return "-".join(re.findall(r"\w+", heading.lower()))


def choose_task(said: str, tasks: Sequence[str]) -> str:
    """The task that is meant, by its heading.

    Raises:
        CookbookError: when it is none or several.
    """
    by_slug = {slug(task): task for task in tasks}
    return by_slug[_choose("task", said, {name: [name] for name in by_slug})]


def choose_client(said: str) -> str:
    """The client that is meant, by its notebook's name; the name in words will do as well.

    Raises:
        CookbookError: when it is none or several.
    """
    return _choose("client", said, {name: [name, slug(words)] for name, words in CLIENTS.items()})


def _choose(kind: str, said: str, spellings: dict[str, list[str]]) -> str:
    wanted = slug(said)
    for fits in (_same, _part, _like):
        found = [choice for choice, names in spellings.items() if any(fits(wanted, name) for name in names)]
        if len(found) == 1:
            return found[0]
        if found and wanted:
            raise CookbookError(f"The {kind} {said!r} can be several. Say which: {_listed(found)}.")
    raise CookbookError(f"There is no {kind} {said!r}. There are: {_listed(spellings)}.")


def _same(wanted: str, name: str) -> bool:
    return wanted == name


def _part(wanted: str, name: str) -> bool:
    return bool(wanted) and wanted in name


def _like(wanted: str, name: str) -> bool:
    """Whether the names are alike as a whole, or every word that was said is like one of the name's."""
    words = name.split("-")
    return _alike(wanted, name) or (
        bool(wanted) and all(any(_alike(word, other) for other in words) for word in wanted.split("-"))
    )


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= _CLOSE


def _listed(choices: Iterable[str]) -> str:
    return ", ".join(choices)
