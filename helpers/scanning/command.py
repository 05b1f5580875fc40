"""Going through files and telling what was found, never what it says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from helpers.errors import CookbookError
from helpers.scanning.detecting import ALLOWED, detector
from helpers.scanning.reading import lines


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
        f"{ALLOWED}"
    )
    return 1


def findings(files: Iterable[Path]) -> Iterator[str]:
    """A line for each credential: the file, the place in it, and its kind."""
    detect = detector()
    for file in files:
        try:
            told = {f"{file}: {place}: {kind}": None for place, line in lines(file) for kind in detect(line)}
        except OSError as error:
            raise CookbookError(f"{file} cannot be read: {error.strerror}.") from None
        yield from told


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _of_git(root: Path) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        raise CookbookError("Only git can tell which files belong to the project: name the files to look at.") from None
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]
