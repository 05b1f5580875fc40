"""`cookbook snippet` and `cookbook snippets`: choose Python programs or shell scripts, and print or write them."""

from __future__ import annotations

import re
from pathlib import Path

from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Notebook
from mistral_on_azure.catalog.selection import listed, named, slug
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.starter import header, read, sections, snippets, starter, starters


def shell_script(notebook: Notebook, section: str) -> str:
    """The bash script of a section that has shell cells."""
    code = "\n\n".join(cell.code.strip("\n") for cell in snippets(notebook, section, shell=True))
    comment = header(notebook.title, section, "Needs bash and curl.", code)
    return f"#!/usr/bin/env bash\n{comment}\nset -euo pipefail\n\n{code}\n"


def _with_shell(folder: Path) -> dict[str, list[str]]:
    """The sections that have a shell script, by the notebook's id."""
    return {
        name: found
        for name, of in sections(folder).items()
        if (found := [each for each in of if snippets(read(folder, name), each, shell=True)])
    }


def snippet(folder: Path, task: str, client: str, shell: bool) -> str:
    """The program of a task with a client.

    Args:
        folder: where the notebooks are.
        task: a section's heading, its slug or a part of it.
        client: the name of a client or recipe, or a part of it.
        shell: the shell script instead of the Python program.

    Raises:
        CookbookError: when no task or client matches, several do, or the section has no script.
    """
    known, labels = sections(folder), names()
    if not task or not client:
        recipes = [name for name in known if name not in labels]
        raise CookbookError(
            f"Name a task and a client.\nTasks: {listed(known[next(iter(labels))])}.\nClients: {listed(labels)}."
            + (f"\nRecipes, each with sections of its own: {listed(recipes)}." if recipes else "")
        )
    name = named("client", client, known, labels)
    section = named("task", task, known[name])
    if not shell:
        return starter(folder, section, name)
    scripts = _with_shell(folder)
    if section not in scripts.get(name, []):
        there = "; ".join(f"{each}: {listed(of)}" for each, of in scripts.items())
        raise CookbookError(f"There is no shell script for {slug(section)} with {name}. There are scripts for {there}.")
    return shell_script(read(folder, name), section)


def write(text: str, path: Path) -> None:
    """Write a program to a file; a shell script may be executed.

    Raises:
        CookbookError: when the file cannot be written, or its name would hide a package that the program imports.
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
    """Write all programs to `NOTEBOOK/SECTION.py` in a folder, and all shell scripts to `NOTEBOOK/SECTION.sh`."""
    files = {
        output / name / f"{slug(section)}.py": text
        for name, of in starters(folder).items()
        for section, text in of.items()
    }
    for name, of in _with_shell(folder).items():
        notebook = read(folder, name)
        files |= {output / name / f"{slug(section)}.sh": shell_script(notebook, section) for section in of}
    for path, text in files.items():
        write(text, path)
    return list(files)
