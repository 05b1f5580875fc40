"""Which versions of the cookbook's own dependencies are installed, and where they differ from the lock."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

_PROJECT = "mistral-azure-cookbook"


@cache
def installed() -> dict[str, str]:
    """The version of each package that the project itself asks for."""
    try:
        asked = [Requirement(line).name for line in metadata.requires(_PROJECT) or []]
    except metadata.PackageNotFoundError:
        return {}
    return {name: version for name in asked if (version := _version(name))}


def unlocked(lock: Path) -> dict[str, tuple[str, str]]:
    """Packages that are installed in another version than the lock's: (locked, installed) by name."""
    differing = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        try:
            pinned = Requirement(line)
        except InvalidRequirement:
            continue  # a comment, or an option for pip
        here = _version(pinned.name)
        if here and not pinned.specifier.contains(here, prereleases=True) and _is_for_here(pinned):
            differing[pinned.name] = (str(pinned.specifier).removeprefix("=="), here)
    return differing


def _is_for_here(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def _version(name: str) -> str:
    """The installed version, empty for a package that is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
