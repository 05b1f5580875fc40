"""`cookbook secrets`: goes through files and names what it finds, without showing it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.secrets.detecting import ALLOWED, ASSIGNED, detect
from mistral_on_azure.upkeep.secrets.reading import texts


def scan(root: Path, named: Iterable[Path]) -> int:
    """Look for credentials in files and folders; print a line for each one found.

    Args:
        named: what to look at; empty is every file of the project that git knows or would add.

    Returns:
        The exit status: 0 if there is no credential.

    Raises:
        CookbookError: for a file that cannot be read.
    """
    named = list(named)
    files = [file for path in named for file in _files(path)] if named else _of_git(root)
    found = list(findings(files))
    print(*found, sep="\n", end="\n" * bool(found))
    if not found:
        print(f"No credential in {len(files)} {'file' if len(files) == 1 else 'files'}.")
        return 0
    print(
        "Take them out, and renew a credential that was shared. Where it is none, end the line with a comment: "
        f"{ALLOWED.decode()}"
    )
    return 1


def findings(files: Iterable[Path]) -> Iterator[str]:
    """A line for each credential: the file, the place in it, and its kind."""
    for file in files:
        try:
            found = {
                (text.place or f"line {line}", kind): None
                for text in texts(file)
                for line, kind in sorted(detect(text.text, text.about))
            }
        except OSError as error:
            raise CookbookError(f"{file} cannot be read: {error.strerror}.") from None
        better = {place for place, kind in found if kind != ASSIGNED}  # there the credential has a name
        yield from (f"{file}: {place}: {kind}" for place, kind in found if kind != ASSIGNED or place not in better)


def _files(path: Path) -> list[Path]:
    """The files of a folder; of a repository in it not what git has packed away, which no text can be found in."""
    if not path.is_dir():
        return [path]
    found = (each for each in path.rglob("*") if each.is_file())
    return sorted(each for each in found if ".git" not in each.parts or "objects" not in each.parts)


def _of_git(root: Path) -> list[Path]:
    """The files that git knows or would add, and those of repositories inside: of these git names the folder alone."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        raise CookbookError("Only git can tell which files belong to the project: name the files to look at.") from None
    named = [root / os.fsdecode(name) for name in listed.split(b"\0") if name]
    nested = [path for path in named if path.is_dir() and not path.is_symlink()]
    inside = [file for path in nested for file in (_of_git(path) if (path / ".git").exists() else _files(path))]
    return [path for path in named if path.is_file()] + inside
