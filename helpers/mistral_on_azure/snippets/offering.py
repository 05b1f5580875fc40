"""`cookbook snippet` and `cookbook snippets`: choose Python programs or shell scripts, and print or write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path

from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Notebook
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.starter import header, read, sections, snippets, starter, starters

_CLOSE = 0.75  # a word that is at least as similar to a known one counts as mistyped or inflected


def slug(heading: str) -> str:
    """A heading as a command-line argument and file name: `stream-the-answer`."""
    return "-".join(re.findall(r"\w+", heading.lower()))


def choose(kind: str, wanted: str, names: Iterable[str], also: dict[str, str] | None = None) -> str:
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
            raise CookbookError(f"The {kind} {wanted!r} may be any of: {_listed(found)}.")
    raise CookbookError(f"There is no {kind} {wanted!r}. There are: {_listed(spellings)}.")


def _contains(name: str, typed: str) -> bool:
    return bool(typed) and typed in name


def _like(name: str, typed: str) -> bool:
    """Whether two names are similar, or each word of the first is similar to a word of the second."""
    words = name.split("-")
    return _alike(typed, name) or all(any(_alike(word, other) for other in words) for word in typed.split("-"))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= _CLOSE


def _listed(names: Iterable[str]) -> str:
    """Names as command-line arguments, in one text."""
    return ", ".join(name if "/" in name else slug(name) for name in names)


def shell_script(notebook: Notebook, section: str) -> str:
    """The bash script of a section that has shell cells."""
    code = "\n\n".join(cell.code.strip("\n") for cell in snippets(notebook, section, shell=True))
    comment = header(notebook.title, section, ["Needs bash and curl."], code)
    return f"#!/usr/bin/env bash\n{comment}\nset -euo pipefail\n\n{code}\n"


def _with_shell(folder: Path) -> dict[str, list[str]]:
    """The sections that have a shell script, by the notebook's id."""
    found = {
        name: [each for each in of if snippets(read(folder, name), each, shell=True)]
        for name, of in sections(folder).items()
    }
    return {name: of for name, of in found.items() if of}


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
            f"Name a task and a client. Tasks: {_listed(known[next(iter(labels))])}. Clients: {_listed(labels)}."
            + (f" Recipes, each with sections of its own: {_listed(recipes)}." if recipes else "")
        )
    name = choose("client", client, known, labels)
    section = choose("task", task, known[name])
    if not shell:
        return starter(folder, section, name)
    scripts = _with_shell(folder)
    if section not in scripts.get(name, []):
        there = "; ".join(f"{each}: {_listed(of)}" for each, of in scripts.items())
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
