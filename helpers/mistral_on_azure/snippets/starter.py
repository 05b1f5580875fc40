"""A starter: comment, imports, constants, the connection and the task's cells, composed to one program."""

from __future__ import annotations

import builtins
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.parameters import parse
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.cells import Cell, Notebook, read
from mistral_on_azure.snippets.imports import imported, install_line, ordered, packages, rendered
from mistral_on_azure.snippets.statements import Statement, needed, replaced, split

_LEFT_OUT = "endpoint"  # the environment variable says it


def constants(parameters: str) -> dict[str, str]:
    """The assignments of a parameters cell by name, without annotations and with their comments."""
    known = parse(parameters, "the notebook")
    return {name: parameter.assignment for name, parameter in known.items() if name != _LEFT_OUT}


_LINE_LENGTH = 100  # as in the notebooks' cells
_TIMEOUT = 60  # seconds, of which ruff takes hundredths


def formatted(source: str) -> str:
    """The program as `ruff format` writes it; unchanged where ruff is not installed or fails."""
    folders = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    ruff = shutil.which("ruff", path=os.pathsep.join(folders))
    if not ruff:
        return source
    command = [ruff, "format", "--isolated", f"--line-length={_LINE_LENGTH}", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=_TIMEOUT)
    return done.stdout.decode() if done.returncode == 0 else source


_MEANING = {
    ENDPOINT: "the endpoint's base address, without /v1 or /score",
    CREDENTIAL: "the endpoint's key",
}
_NO_KEY = "No key: sign in with `az login`, or run it where a managed identity is."


def header(title: str, task: str, first: Sequence[str], code: str) -> str:
    """The comment.

    Args:
        title: the notebook's title.
        task: the heading of the section.
        first: lines on what has to be there, such as the install line.
        code: the program below; the variables it reads are explained.
    """
    variables = [name for name in _MEANING if name in code]
    width = max(map(len, variables), default=0)
    lines = [f"{title}: {task}", *first]
    if variables:
        lines.append(f"Set {'these environment variables' if len(variables) > 1 else 'this environment variable'}:")
        lines += [f"  {name:{width}}  {_MEANING[name]}" for name in variables]
    if CREDENTIAL not in variables:
        lines.append(_NO_KEY)
    return "\n".join(f"# {line}" for line in lines)


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
