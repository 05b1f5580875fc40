"""A starter: imports, constants, the connection and the task's cells, composed to one program."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helpers.errors import CookbookError
from helpers.snippets.cells import Cell, Notebook, read
from helpers.snippets.constants import constants
from helpers.snippets.formatting import formatted
from helpers.snippets.header import header
from helpers.snippets.imports import imported, rendered
from helpers.snippets.ordering import ordered
from helpers.snippets.packages import install_line, packages
from helpers.snippets.pruning import needed, replaced
from helpers.snippets.statements import Statement, split

KEY, ENTRA_ID, FIRST_ANSWER = "Connect with a key", "Connect with Microsoft Entra ID", "Complete a chat"
_BUILT_IN = {*dir(builtins), "__name__", "__file__"}


def starter(folder: Path, task: str, client: str) -> str:
    """The program for a task with a client, formatted; `composed` tells more."""
    return formatted(composed(folder, task, client))


def composed(folder: Path, task: str, client: str) -> str:
    """The program for a task with a client, not yet formatted.

    Args:
        folder: where the notebooks are.
        task: the heading of the section.
        client: the notebook's name.

    Raises:
        CookbookError: when the notebook's cells do not make a program.
    """
    notebook = read(folder / f"{client}.ipynb")
    connection, body = _connection(notebook, task), _body(notebook, task)
    order = ordered([*connection, *body])
    lesson = _without(body, order.settings)
    there = frozenset(one.bound for one in order.all_imports)
    program = [*needed(_without(connection, order.settings), lesson, there), *lesson]

    used = frozenset().union(*(one.needs for one in [*order.settings, *program]))
    order.imports = {one for one in order.imports if one.bound in used}
    order.late = {one for one in order.late if one.bound in used}
    known = constants(notebook.parameters)
    made = frozenset().union(*(one.makes for one in program))
    if unknown := used - made - there - known.keys() - _BUILT_IN:
        raise CookbookError(
            f"{client}.ipynb, section {task!r}: its snippet cells use what only other cells define: "
            f"{', '.join(sorted(unknown))}."
        )
    parts = [
        rendered(order.imports),
        "\n".join([*(one.text for one in order.settings), rendered(order.late)]).strip("\n"),
        "\n".join(line for name, line in known.items() if name in used),
        _joined(program),
    ]
    code = "\n\n".join(part for part in parts if part)
    install = f"Install: {install_line(packages(order.all_imports, made))}"
    return f"{header(notebook.title, task, [install], code)}\n\n{code}\n"


def _connection(notebook: Notebook, task: str) -> list[list[Statement]]:
    """The cells that connect: with a key, or for the one task about it with Microsoft Entra ID."""
    with_key = [split(cell) for cell in notebook.python(KEY)]
    if task != ENTRA_ID:
        return with_key
    with_token = [split(_as_client(cell)) for cell in notebook.python(ENTRA_ID)]
    new = [statement for cell in with_token for statement in cell if not imported(statement.node)]
    return [*(replaced(cell, new) for cell in with_key), *with_token]


def _as_client(cell: Cell) -> Cell:
    """A cell whose client is called as in all other sections."""
    return replace(cell, source=re.sub(r"\bentra_client\b", "client", cell.source))


def _body(notebook: Notebook, task: str) -> list[list[Statement]]:
    """The task's cells; where the task is to connect, the first answer shows that it worked."""
    cells = notebook.python(FIRST_ANSWER)[:1] if task in (KEY, ENTRA_ID) else notebook.python(task)
    return [split(cell) for cell in cells]


def _without(cells: Sequence[Sequence[Statement]], settings: Sequence[Statement]) -> list[Statement]:
    """The statements of cells but for imports and settings."""
    return [one for cell in cells for one in cell if not imported(one.node) and one not in settings]


def _joined(statements: Sequence[Statement]) -> str:
    """The statements' text, with the blank lines between them that their cells had."""
    return "".join("\n" * (one.blank_lines + 1) + one.text for one in statements).strip("\n")
