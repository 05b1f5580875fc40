"""Which notebooks to run: by name, by client and by tag."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CookbookError
from helpers.running import reading
from helpers.sections import CLIENTS

_START = "start-here"  # comes first wherever notebooks are listed


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for. Within one field any will do; a notebook must satisfy every field that is not empty.

    Attributes:
        names: notebooks, as `openai-sdk` or `notebooks/openai-sdk.ipynb`.
        clients: clients, as `OpenAI SDK` or any part of it that only one of them has.
        tags: tags of a notebook or of one of its cells.
    """

    names: Sequence[str] = ()
    clients: Sequence[str] = ()
    tags: Sequence[str] = ()


def notebooks(folder: Path) -> dict[str, Path]:
    """The notebooks by name, start-here first."""
    paths = sorted(folder.glob("*.ipynb"), key=lambda path: (path.stem != _START, path.stem))
    return {path.stem: path for path in paths}


def choose(folder: Path, selection: Selection) -> dict[str, Path]:
    """The chosen notebooks by name; all of them when nothing was asked for.

    Raises:
        CookbookError: for a name, client or tag that there is not, or when nothing satisfies all of them.
    """
    known = notebooks(folder)
    if not known:
        raise CookbookError(f"There are no notebooks in {folder}.")
    chosen = set(known)
    if selection.names:
        chosen &= {_notebook(name, known) for name in selection.names}
    if selection.clients:
        chosen &= {_client(name) for name in selection.clients}
    if selection.tags:
        chosen &= _tagged(known, selection.tags)
    if not chosen:
        raise CookbookError("No notebook satisfies all of that: drop a name, a --client or a --tag.")
    return {name: path for name, path in known.items() if name in chosen}


def client_of(notebook: str) -> str:
    """A notebook's client as tables show it; the notebook's own name where it has none."""
    return CLIENTS.get(notebook, notebook)


def _notebook(name: str, known: Iterable[str]) -> str:
    stem = Path(name).name.removesuffix(".ipynb")
    if stem in known:
        return stem
    raise CookbookError(f"There is no notebook {stem!r}. {_hint(stem, known)}")


def _client(name: str) -> str:
    wanted = _letters(name)
    found = [key for key, label in CLIENTS.items() if wanted in (_letters(key), _letters(label))]
    found = found or [key for key, label in CLIENTS.items() if wanted in _letters(key) or wanted in _letters(label)]
    if not wanted or not found:
        raise CookbookError(f"There is no client {name!r}. {_hint(name, CLIENTS)}")
    if len(found) > 1:
        raise CookbookError(f"The client {name!r} may be any of: {', '.join(found)}.")
    return found[0]


def _tagged(known: dict[str, Path], tags: Sequence[str]) -> set[str]:
    by_notebook = {name: reading.tags(path) for name, path in known.items()}
    there = sorted(set().union(*by_notebook.values()))
    for tag in tags:
        if tag not in there:
            raise CookbookError(f"No notebook and no cell has the tag {tag!r}. {_hint(tag, there)}")
    return {name for name, has in by_notebook.items() if has & set(tags)}


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
