"""Choosing notebooks by id, path, client and tag, and names by a part of them or a similar spelling."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import ENDING, Notebook, load, notebooks
from mistral_on_azure.catalog.parameters import hint
from mistral_on_azure.catalog.sidecar import GROUPS
from mistral_on_azure.errors import CookbookError

_CLOSE = 0.75  # a word that is at least as similar to a known one counts as mistyped or inflected


def grouped(recipes: Iterable[Notebook]) -> dict[str, list[Notebook]]:
    """Recipes by their groups, in the order of `GROUPS`; those without a group are the last, as `More`."""
    found: dict[str, list[Notebook]] = {}
    every = list(recipes)
    for group in (*GROUPS, None):
        if some := [each for each in every if each.sidecar.group == group]:
            found[group or "More"] = some
    return found


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions for choosing notebooks. A notebook must match each field that is not empty, by any of its entries.

    Attributes:
        names: ids of notebooks, as `openai-sdk` or `recipes/hello`, or paths of files anywhere.
        clients: clients, as `OpenAI SDK` or any part of it that only one of them has.
        tags: tags of a notebook or of one of its cells.
    """

    names: Sequence[str] = ()
    clients: Sequence[str] = ()
    tags: Sequence[str] = ()


def choose(folder: Path, selection: Selection) -> dict[str, Notebook]:
    """The chosen notebooks by id; without conditions, all notebooks of the folder.

    Raises:
        CookbookError: for an unknown name, file, client or tag, or when no notebook matches all conditions.
    """
    known = notebooks(folder)
    outside = _outside(folder, known, selection.names)
    if not known and not outside:
        raise CookbookError(f"There are no notebooks in {folder}.")
    everything = {**known, **outside}
    chosen = set(everything)
    if selection.names:
        chosen &= {_named(name, folder, known, outside) for name in selection.names}
    if selection.clients:
        chosen &= {named("client", name, names(), names()) for name in selection.clients}
    if selection.tags:
        chosen &= _tagged(everything, selection.tags)
    if not chosen:
        raise CookbookError("No notebook matches all conditions: drop a name, a --client or a --tag.")
    return {name: notebook for name, notebook in everything.items() if name in chosen}


def _is_path(name: str, known: Mapping[str, Notebook]) -> bool:
    return name not in known and (name.endswith(ENDING) or "/" in name or "\\" in name)


def _file(name: str, folder: Path) -> Path:
    """The file that a path names: from the working folder or, unless it begins with a dot, below that of notebooks.

    Raises:
        CookbookError: when there is none.
    """
    tried = [Path(name)] if re.match(r"\.\.?[/\\]", name) else [Path(name), folder / name]
    tried += [path.with_name(f"{path.name}{ENDING}") for path in tried if path.suffix != ENDING and path.name]
    for path in tried if name[-1] not in "/\\" else ():
        if os.path.isfile(path):  # unlike Path.is_file, it raises no error for a name that no file can have
            return path.absolute()
    shown = name if name.isprintable() else repr(name)
    if any(map(os.path.isdir, tried)):
        raise CookbookError(f"{shown} is a folder: name a notebook in it.")
    raise CookbookError(f"There is no file {shown}.")


def _outside(folder: Path, known: Mapping[str, Notebook], names: Iterable[str]) -> dict[str, Notebook]:
    """The named files that are not among the folder's notebooks, each by an id that nothing else has."""
    inside = {notebook.path.resolve() for notebook in known.values()}
    files = dict.fromkeys(_file(name, folder) for name in names if _is_path(name, known))
    found: dict[str, Notebook] = {}
    for path in files:
        if path.resolve() not in inside:
            parts = path.with_suffix("").parts[1:]
            ids = ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
            name = next(each for each in ids if each not in known and each not in found)
            found[name] = replace(load(path, folder), id=name)
    return found


def _named(name: str, folder: Path, known: Mapping[str, Notebook], outside: Mapping[str, Notebook]) -> str:
    if name in known:
        return name
    if _is_path(name, known):
        path = _file(name, folder)
        return next(key for key, each in {**known, **outside}.items() if path.resolve() == each.path.resolve())
    of_stem = [key for key in known if key.rpartition("/")[2] == name]
    if len(of_stem) == 1:
        return of_stem[0]
    if of_stem:
        raise CookbookError(f"The notebook {name!r} may be any of: {', '.join(of_stem)}.")
    raise CookbookError(f"There is no notebook {name!r}. {hint(name, list(known), 'There are')}")


def _tagged(known: Mapping[str, Notebook], tags: Sequence[str]) -> set[str]:
    there = sorted(frozenset[str]().union(*(notebook.tags for notebook in known.values())))
    for tag in tags:
        if tag not in there:
            raise CookbookError(f"No notebook and no cell has the tag {tag!r}. {hint(tag, there, 'There are')}")
    return {name for name, notebook in known.items() if notebook.tags & set(tags)}


def slug(heading: str) -> str:
    """A heading as a command-line argument and file name: `stream-the-answer`."""
    return "-".join(re.findall(r"\w+", heading.lower()))


def named(kind: str, wanted: str, names: Iterable[str], also: dict[str, str] | None = None) -> str:
    """Find a name by its exact spelling, by a part of it, or by a similar spelling.

    Args:
        kind: what the names are of, for error messages: "task" or "client".
        names: the names to choose from.
        also: another spelling for some of the names.

    Raises:
        CookbookError: when no name matches, or several do.
    """
    spellings = {name: [slug(name), slug((also or {}).get(name, name))] for name in names}
    typed = slug(wanted.removesuffix(".ipynb"))
    for fits in (str.__eq__, _contains, _like):
        found = [name for name, spelled in spellings.items() if any(fits(each, typed) for each in spelled)]
        if len(found) == 1:
            return found[0]
        if found and typed:
            raise CookbookError(f"The {kind} {wanted!r} may be any of: {listed(found)}.")
    raise CookbookError(f"There is no {kind} {wanted!r}. There are: {listed(spellings)}.")


def _contains(name: str, typed: str) -> bool:
    return bool(typed) and typed.replace("-", "") in name.replace("-", "")


def _like(name: str, typed: str) -> bool:
    """Whether two names are similar, or each word of the first is similar to a word of the second."""
    words = name.split("-")
    return _alike(typed, name) or all(any(_alike(word, other) for other in words) for word in typed.split("-"))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= _CLOSE


def listed(names: Iterable[str]) -> str:
    """Names as command-line arguments, in one text."""
    return ", ".join(name if "/" in name else slug(name) for name in names)
