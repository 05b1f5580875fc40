"""What a client brings along: the packages it needs, directly or not, and their size."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The installed distributions that requirements name, and all that these need in turn."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or []:
            one = Requirement(text)
            environments = [{"extra": extra} for extra in wanted.extras or {""}]
            if one.marker is None or any(one.marker.evaluate(each) for each in environments):
                waiting.append(one)
    return found


def megabytes(distributions: Iterable[Distribution]) -> float:
    """Their files on disk in MiB, without compiled bytecode."""
    files = [one.locate_file(file) for one in distributions for file in one.files or [] if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files if path.is_file()) / 2**20
