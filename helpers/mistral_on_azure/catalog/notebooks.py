"""Notebooks: read without nbformat, which takes a while to import, and chosen by name, client or tag."""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mistral_on_azure.catalog.sections import CLIENTS
from mistral_on_azure.errors import CookbookError


def read(notebook: Path) -> dict[str, Any]:
    """A notebook as it is in its file.

    Raises:
        CookbookError: when the file is no notebook.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        if all("source" in cell and "metadata" in cell for cell in content["cells"]):
            return content
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise CookbookError(f"{notebook} is not a notebook, or it is damaged.")


def tags_of(notebook: Path) -> set[str]:
    """The tags of a notebook and of its cells."""
    content = read(notebook)
    metadata = [content.get("metadata", {}), *(cell["metadata"] for cell in content["cells"])]
    return {tag for each in metadata for tag in each.get("tags", [])}


def typed_parameters(notebook: Path) -> dict[str, str]:
    """The parameters of a notebook and the type each is written with.

    Raises:
        CookbookError: when its parameters cell is not Python.
    """
    cells = read(notebook)["cells"]
    source = next(("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])), "")
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise CookbookError(f"{notebook.name}: line {error.lineno} of the parameters cell is not Python.") from None
    return {node.target.id: ast.unparse(node.annotation) for node in body if isinstance(node, ast.AnnAssign)}


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
    by_notebook = {name: tags_of(path) for name, path in known.items()}
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
