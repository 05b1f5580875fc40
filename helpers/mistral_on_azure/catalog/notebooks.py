"""The notebooks: each has a kind, an id, sections, tags, cells and parameters.

Other modules read notebooks through this one. It decodes the files itself, since nbformat is slow to import and changes
what it reads. Only a module that writes a notebook reads the file itself, and the scan for credentials, which must read
damaged files, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from mistral_on_azure.catalog import parameters
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.sidecar import Sidecar, read_sidecar
from mistral_on_azure.errors import CookbookError

_PROGRAM = re.compile(r"(?ms)^```.*?^```")
SET_UP, EXERCISES = "Set up", "Exercises"  # sections of a client's notebook, between which the tasks are
START = "start-here"  # comes first wherever notebooks are listed
ENDING = ".ipynb"


class Kind(StrEnum):
    """What a notebook is for, by its place in the folder of notebooks."""

    GUIDE = "guide"
    CLIENT = "client"
    RECIPE = "recipe"
    OTHER_LANGUAGE = "other language"


FOLDERS = {"recipes": Kind.RECIPE, "beyond-python": Kind.OTHER_LANGUAGE}
_ORDER = (Kind.GUIDE, Kind.CLIENT, Kind.RECIPE, Kind.OTHER_LANGUAGE)
_NEVER = ("node_modules", "__pycache__")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        number: its place in the notebook, from 1.
        type: `code`, `markdown` or `raw`.
        section: the `##` heading above the cell, empty above the first; for a Markdown cell with headings, its last.
        outputs: a code cell's outputs in the format of nbformat 4. They are shared: never change them.
    """

    number: int
    id: str
    type: str
    source: str
    tags: tuple[str, ...]
    section: str
    metadata: Mapping[str, Any]
    outputs: tuple[dict[str, Any], ...]
    execution_count: int | None

    @property
    def magic(self) -> str:
        """The cell magic, as `%%bash`; empty where there is none."""
        first = self.source.split(maxsplit=1)[:1]
        return first[0] if first and first[0].startswith("%%") else ""

    @property
    def is_shell(self) -> bool:
        """Whether the cell is bash."""
        return self.magic == "%%bash"

    @property
    def code(self) -> str:
        """The source without the line of its cell magic."""
        return self.source.partition("\n")[2] if self.magic else self.source


@dataclass(frozen=True)
class Notebook:
    """One notebook.

    Attributes:
        id: its path below the folder of notebooks, without the ending: `openai-sdk`, `recipes/hello`.
        metadata: the notebook's own.
    """

    id: str
    path: Path
    kind: Kind
    cells: tuple[Cell, ...]
    metadata: Mapping[str, Any]

    @cached_property
    def tags(self) -> frozenset[str]:
        """The tags of the notebook and of its cells."""
        return frozenset(_tags(self.metadata)).union(*(cell.tags for cell in self.cells))

    @cached_property
    def title(self) -> str:
        """The first `#` heading."""
        return next(self._headings("# "), self.id)

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The `##` headings, in order."""
        return tuple(self._headings("## "))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The sections between setting up and the exercises; empty where one of these is missing."""
        if SET_UP not in self.sections or EXERCISES not in self.sections:
            return ()
        return self.sections[self.sections.index(SET_UP) + 1 : self.sections.index(EXERCISES)]

    @property
    def name(self) -> str:
        """The name in tables: of a client's notebook the client's, of a recipe the title, of others the id."""
        if self.kind is Kind.CLIENT:
            return clients()[self.id].name
        return self.title if self.kind is Kind.RECIPE else self.id

    @property
    def code(self) -> tuple[Cell, ...]:
        """The code cells."""
        return tuple(cell for cell in self.cells if cell.type == "code")

    @property
    def markdown(self) -> tuple[Cell, ...]:
        """The Markdown cells."""
        return tuple(cell for cell in self.cells if cell.type == "markdown")

    @cached_property
    def parameters_source(self) -> str:
        """The source of its parameters cell; empty where it has none."""
        return next((cell.source for cell in self.code if "parameters" in cell.tags), "")

    @cached_property
    def parameters(self) -> dict[str, parameters.Parameter]:
        """The parameters by name.

        Raises:
            CookbookError: when the parameters cell is not Python.
        """
        return parameters.parse(self.parameters_source, self.path.name)

    @property
    def snippets(self) -> tuple[Cell, ...]:
        """The code cells with the tag `snippet`."""
        return tuple(cell for cell in self.code if "snippet" in cell.tags)

    @property
    def programs(self) -> dict[str, str]:
        """The programs that it writes with `%%writefile`, by their file names."""
        found: dict[str, str] = {}
        for cell in self.code:
            if cell.magic == "%%writefile":
                first, *_ = cell.source.splitlines()
                *options, name = first.split()[1:]
                found[name] = (found.get(name, "") if "-a" in options else "") + cell.code + "\n"
        return found

    @cached_property
    def sidecar(self) -> Sidecar:
        """The content of the TOML file beside it; empty where there is no such file.

        Raises:
            CookbookError: when the TOML file is damaged.
        """
        return read_sidecar(self.path.with_suffix(".toml"))

    def lead(self, section: str) -> str:
        """The first paragraph of a section."""
        below = (f"\n{cell.source}\n".partition(f"\n## {section}\n")[2] for cell in self.markdown)
        return next((text.strip("\n").partition("\n\n")[0] for text in below if text), "")

    def _headings(self, mark: str) -> Iterator[str]:
        return (text for cell in self.markdown for text in _headings(cell.source, mark))


def _headings(source: str, mark: str) -> list[str]:
    """The headings of one level in a Markdown cell. A comment in a program, which also begins with #, is no heading."""
    lines = _PROGRAM.sub("", source).splitlines()
    return [text for line in lines if line.startswith(mark) and (text := line.removeprefix(mark))]


class _CellOfFile(msgspec.Struct):
    cell_type: Literal["code", "markdown", "raw"]
    source: str | list[str]
    id: str = ""
    metadata: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None
    execution_count: int | None = None


class _File(msgspec.Struct):
    cells: list[_CellOfFile]
    metadata: dict[str, Any] | None = None


def load(path: Path, folder: Path | None = None) -> Notebook:
    """Read one notebook.

    Args:
        path: any file.
        folder: the folder of notebooks, by which it gets id and kind; a file elsewhere is a guide, named by its stem.

    Raises:
        CookbookError: one line that names the file, when it cannot be read or is no notebook.
    """
    try:
        stat = path.stat()
        cells, metadata = _decoded(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        raise CookbookError(f"{path} is not a notebook, or it is damaged.") from None
    name, kind = _id_and_kind(path, folder)
    return Notebook(name, path, kind, cells, metadata)


@lru_cache(maxsize=256)
def _decoded(path: Path, mtime: int, size: int) -> tuple[tuple[Cell, ...], dict[str, Any]]:
    """The cells and the metadata of a file, kept as long as it does not change."""
    file, section, cells = msgspec.json.decode(path.read_bytes(), type=_File), "", []
    for number, each in enumerate(file.cells, 1):
        source, metadata = "".join(each.source), each.metadata or {}
        section = ((each.cell_type == "markdown" and _headings(source, "## ")) or [section])[-1]
        cell = Cell(
            number, each.id, each.cell_type, source, _tags(metadata), section, metadata,
            tuple(each.outputs or ()), each.execution_count,
        )  # fmt: skip
        cells.append(cell)
    return tuple(cells), file.metadata or {}


def _tags(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    tags = metadata.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _id_and_kind(path: Path, folder: Path | None) -> tuple[str, Kind]:
    try:
        below = path.resolve().relative_to((folder or path.parent).resolve())
    except ValueError:
        return path.stem, Kind.GUIDE
    name = below.with_suffix("").as_posix()
    if len(below.parts) > 1:
        return name, FOLDERS.get(below.parts[0], Kind.GUIDE)
    return name, Kind.CLIENT if folder and name in clients() else Kind.GUIDE


def notebooks(folder: Path, *kinds: Kind) -> dict[str, Notebook]:
    """The notebooks of a folder by their ids: Start here, other guides, the clients, the recipes, the other languages.

    Recipes and notebooks in other languages are in folders of their own. Hidden files, such as the `._x.ipynb` that
    macOS leaves, are left out.

    Args:
        kinds: only notebooks of these kinds; without any, all notebooks.

    Raises:
        CookbookError: for a file that is no notebook.
    """
    paths = [path for path in folder.glob(f"*{ENDING}") if _is_shown(path)]
    for name in FOLDERS:
        for place, folders, files in os.walk(folder / name):
            folders[:] = [each for each in folders if not each.startswith(".") and each not in _NEVER]
            paths += [path for file in files if _is_shown(path := Path(place, file))]
    found = [load(path, folder) for path in paths]
    found.sort(key=lambda notebook: (notebook.id != START, _ORDER.index(notebook.kind), notebook.id))
    return {notebook.id: notebook for notebook in found if not kinds or notebook.kind in kinds}


def tasks(folder: Path) -> list[str]:
    """The tasks of the clients' notebooks, which all have the same."""
    return list(load(folder / next(iter(clients().values())).notebook).tasks)


def anchor(heading: str) -> str:
    """The fragment by which Jupyter and GitHub link to a heading."""
    return heading.replace(" ", "-")


def _is_shown(path: Path) -> bool:
    return path.suffix == ENDING and not path.name.startswith(".")
