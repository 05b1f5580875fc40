"""The notebooks as a source of snippets: a title, parameters, and by section the cells that are meant for copying."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mistral_on_azure.catalog.notebooks import load


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
    known = load(path)
    notebook = Notebook(known.title, known.parameters_source)
    for cell in known.snippets:
        place = f"{path.name}, section {cell.section!r}"
        notebook.sections.setdefault(cell.section, []).append(
            Cell(place, cell.code if cell.is_shell else cell.source, cell.is_shell)
        )
    return notebook
