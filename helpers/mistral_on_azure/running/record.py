"""The record of a run, `results.json`, with the installed versions, in a folder that belongs to one run at a time."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mistral_on_azure.azure.files import read_json, write_json
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Prices, Usage, total
from mistral_on_azure.running.pool import Limits
from mistral_on_azure.running.results import Result, has_usage, usage_as_json

_PROJECT = "mistral-azure-cookbook"


@cache
def installed() -> dict[str, str]:
    """The installed version of each package that the project depends on directly."""
    try:
        direct = [Requirement(line).name for line in metadata.requires(_PROJECT) or []]
    except metadata.PackageNotFoundError:
        return {}
    return {name: version for name in direct if (version := _version(name))}


def unlocked(lock: Path) -> dict[str, tuple[str, str]] | None:
    """Packages whose installed version differs from the lock: (locked, installed) by name. None without a lock."""
    if not lock.exists():
        return None
    differing = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if "==" not in line:
            continue  # a comment, a hash, or an option for pip
        try:
            pinned = Requirement(line.removesuffix("\\"))
        except InvalidRequirement:
            continue
        here = _version(pinned.name)
        if not here or pinned.specifier.contains(here, prereleases=True):
            continue
        if pinned.marker is None or pinned.marker.evaluate():  # else the line is for another platform
            differing[pinned.name] = (str(pinned.specifier).removeprefix("=="), here)
    return differing


def _version(name: str) -> str:
    """The installed version; empty for a package that is not installed."""
    return _versions().get(canonicalize_name(name), "")


@cache
def _versions() -> dict[str, str]:
    """All installed versions, from the names of `dist-info` folders: reading hundreds of files takes longer."""
    found: dict[str, str] = {}
    for place in sys.path:
        for information in Path(place).glob("*.dist-info"):
            name, _, version = information.stem.rpartition("-")
            found.setdefault(canonicalize_name(name), version)
    return found


FILE, JUNIT, SUMMARY = "results.json", "junit.xml", "summary.md"
VERSION = 1  # of the format
_READ = {
    "fingerprint": str, "status": str, "output": str, "seconds": int | float, "cells": int, "cells_started": int,
    "cell_seconds": list,
}  # fmt: skip


@dataclass(slots=True)
class Run:
    """A run and its results.

    Attributes:
        endpoint: the endpoint's label.
        wall: seconds from start to end; 0 while it runs.
        stopped: why it ended early; empty if it did not.
        prices: the prices of tokens, for the cost; None where they are not given.
        earlier: rows of an earlier run's `results.json`, kept because this run ended before it could take them over.
    """

    results: list[Result]
    endpoint: str
    limits: Limits
    prices: Prices | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    wall: float = 0.0
    stopped: str = ""
    earlier: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(result.passed or result.skipped for result in self.results)

    @property
    def usage(self) -> Usage | None:
        """The usage of this run, without the jobs that passed in an earlier one."""
        return total([result.usage for result in self.results if result.cell and not result.resumed])

    @property
    def verdict(self) -> str:
        """The outcome in one sentence: how many passed, and the seconds."""
        counts = Counter(str(result.status) for result in self.results)
        others = ", ".join(f"{count} {status}" for status, count in counts.items() if status != "passed")
        resumed = sum(result.resumed for result in self.results)
        taken_over = f" ({resumed} in an earlier run)" if resumed else ""
        rest = f"; {others}" if others else ""
        if not self.results:
            return "Nothing ran."
        return f"{counts['passed']} of {len(self.results)} passed{taken_over}{rest}, in {self.wall:.1f} s."

    @property
    def cost(self) -> float | None:
        return self.prices.cost(self.usage) if self.prices and self.usage else None

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "began": self.began.isoformat(timespec="seconds"),
            "wall_seconds": round(self.wall, 3),
            "passed": self.passed,
            "stopped": self.stopped,
            "endpoint": self.endpoint,
            **usage_as_json(self.usage),
            "cost": self.cost,
            "workers": self.limits.workers,
            "cores": os.cpu_count(),
            "cell_timeout": self.limits.cell,
            "notebook_timeout": self.limits.notebook,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "packages": installed(),
            "jobs": self.earlier or [result.as_json() for result in self.results],
        }

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, self.as_json())


def earlier(folder: Path) -> list[dict[str, Any]]:
    """The jobs in a folder's `results.json`, without damaged ones; empty without a file, or for another version."""
    known = read_json(folder / FILE)
    if not isinstance(known, dict) or known.get("version") != VERSION or not isinstance(known.get("jobs"), list):
        return []
    return [row for row in known["jobs"] if isinstance(row, dict) and _is_whole(row)]


def _is_whole(row: dict[str, Any]) -> bool:
    """Whether a job's row has all values that a later run reads, of the right types."""
    return all(isinstance(row.get(name), kind) for name, kind in _READ.items()) and has_usage(row)


_MOST = 50  # runs at a time


@contextlib.contextmanager
def claim(wanted: Path, must: bool) -> Iterator[Path]:
    """A folder for one run: the wanted one or, while another run uses it, one beside it with a number in its name.

    The operating system releases it when the process ends, even by a crash.

    Args:
        must: whether no other folder will do.

    Raises:
        CookbookError: when the folder cannot be written, or is in use and `must` is set.
    """
    for number in range(1, 2 if must else _MOST):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        lock = FileLock(folder / ".lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            continue
        except OSError as error:
            raise CookbookError(f"{folder} cannot be written ({error.strerror}). Choose another --reports.") from None
        try:
            yield folder
        finally:
            lock.release()
        return
    raise CookbookError(f"Another run is using {wanted}. Wait for its end, or leave out --resume.")


def clear(folder: Path, keep: set[Path]) -> None:
    """Remove the files of the last run, and no other file in the folder.

    Args:
        keep: executed notebooks of jobs that passed and are not executed again.
    """
    for job in earlier(folder):
        output = (folder / job["output"]).resolve()
        if output.suffix == ".ipynb" and output.is_relative_to(folder.resolve()) and output not in keep:
            output.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for place in output.parents:
                    if place == folder.resolve():
                        break
                    place.rmdir()
    for name in (FILE, JUNIT, SUMMARY):
        (folder / name).unlink(missing_ok=True)
