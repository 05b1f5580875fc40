"""The notebooks as a source of snippets: a title, parameters, and by section the cells that are meant for copying."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

_SHELL_MAGIC = "%%bash"


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell with the tag `snippet`.

    Attributes:
        place: where it stands, for messages.
        source: its text; a shell cell's is without the magic.
        is_shell: whether it is bash and not Python.
    """

    place: str
    source: str
    is_shell: bool


@dataclass(slots=True)
class Notebook:
    """What a client's notebook has for a starter."""

    title: str = ""
    parameters: str = ""
    sections: dict[str, list[Cell]] = field(default_factory=dict)

    def python(self, section: str) -> list[Cell]:
        return [cell for cell in self.sections.get(section, []) if not cell.is_shell]

    def shell(self, section: str) -> list[Cell]:
        return [cell for cell in self.sections.get(section, []) if cell.is_shell]


def read(path: Path) -> Notebook:
    """Read a notebook's snippet cells."""
    notebook, section = Notebook(), ""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        first = source.partition("\n")[0]
        if cell["cell_type"] == "markdown":
            notebook.title = notebook.title or (first.removeprefix("# ") if first.startswith("# ") else "")
            section = first.removeprefix("## ") if first.startswith("## ") else section
        elif "parameters" in tags:
            notebook.parameters = source
        elif "snippet" in tags:
            place = f"{path.name}, section {section!r}"
            notebook.sections.setdefault(section, []).append(_cell(place, source))
    return notebook


def _cell(place: str, source: str) -> Cell:
    first, _, rest = source.partition("\n")
    is_shell = first.split()[:1] == [_SHELL_MAGIC]
    return Cell(place, rest if is_shell else source, is_shell)
