"""`cookbook snippet` and `cookbook snippets`: choose a Python program or a shell script, print it or write it."""

from __future__ import annotations

import re
from pathlib import Path

from mistral_on_azure.catalog.sections import CLIENTS, tasks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.cells import read
from mistral_on_azure.snippets.choosing import choose_client, choose_task, slug
from mistral_on_azure.snippets.starter import header, starter

_NEEDS = "Needs bash and curl."


def shell_tasks(folder: Path, client: str) -> list[str]:
    """The tasks that a client's notebook shows in the shell."""
    notebook = read(folder / f"{client}.ipynb")
    return [task for task in tasks(folder) if notebook.shell(task)]


def shell_script(folder: Path, task: str, client: str) -> str:
    """The script for a task.

    Args:
        folder: where the notebooks are.
        task: the heading of the section.
        client: the notebook's name.

    Raises:
        CookbookError: when the notebook has no shell cells for it.
    """
    notebook = read(folder / f"{client}.ipynb")
    cells = notebook.shell(task)
    if not cells:
        there = "; ".join(
            f"{name}: {', '.join(map(slug, found))}" for name in CLIENTS if (found := shell_tasks(folder, name))
        )
        raise CookbookError(f"There is no shell script for {slug(task)} with {client}. There are, for {there}.")
    code = "\n\n".join(cell.source.strip("\n") for cell in cells)
    return f"#!/usr/bin/env bash\n{header(notebook.title, task, [_NEEDS], code)}\nset -euo pipefail\n\n{code}\n"


def snippet(folder: Path, task: str, client: str, shell: bool) -> str:
    """The starter that is meant.

    Args:
        folder: where the notebooks are.
        task: a section's heading, its slug or a part of it.
        client: the name of a notebook or a part of it.
        shell: the shell script instead of the Python program.

    Raises:
        CookbookError: when it is not clear what is meant, or there is no such script.
    """
    known = tasks(folder)
    if not task or not client:
        raise CookbookError(
            f"Say a task and a client. Tasks: {', '.join(map(slug, known))}. Clients: {', '.join(CLIENTS)}."
        )
    chosen = choose_task(task, known), choose_client(client)
    return (shell_script if shell else starter)(folder, *chosen)


def write(text: str, path: Path) -> None:
    """Write a starter to a file; a shell script may be executed.

    Raises:
        CookbookError: when the file cannot be written, or would hide a package that it imports itself.
    """
    if path.suffix == ".py" and re.search(rf"^(import|from) {re.escape(path.stem)}\b", text, re.MULTILINE):
        raise CookbookError(
            f"{path.name} would hide the package {path.stem}, which the program imports. Choose another --output."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        if text.startswith("#!"):
            path.chmod(0o755)
    except OSError as error:
        raise CookbookError(f"{path} cannot be written: {error.strerror}. Choose another --output.") from None


def write_all(folder: Path, output: Path) -> list[Path]:
    """Write every starter to `CLIENT/TASK.py` in a folder, and every shell script to `CLIENT/TASK.sh`."""
    written = []
    for client in CLIENTS:
        files = {f"{slug(task)}.py": starter(folder, task, client) for task in tasks(folder)}
        files |= {f"{slug(task)}.sh": shell_script(folder, task, client) for task in shell_tasks(folder, client)}
        for name, text in files.items():
            written.append(output / client / name)
            write(text, written[-1])
    return written
