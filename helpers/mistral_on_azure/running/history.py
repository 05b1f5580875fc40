"""Seconds and usage of each notebook's last success, and the fingerprint of all that its outcome depends on."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import read_json, write_json
from mistral_on_azure.catalog.notebooks import ENDING, load
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.results import Result, has_usage, usage_from_json

_PACKAGE = Path("helpers", "mistral_on_azure")
_CODE = (".py", ".toml", ".json")
# Folders whose code neither notebooks nor the endpoint run. The measurements in upkeep do not count either, although
# some notebooks show them: otherwise `make faults` would undo each `--resume`.
_APART = ("doctor", "gallery", "lab", "snippets", "upkeep")


def code(root: Path) -> str:
    """A digest of what a notebook's outcome depends on besides the notebook.

    These are the package's code and data without the folders that no run uses (measurements are in one of them), the
    lock and the Python version.

    Args:
        root: the checkout; where there is none, the package is the installed one, and there is no lock.
    """
    digest = hashlib.sha256(sys.version.encode())
    package = root / _PACKAGE
    package = package if package.is_dir() else Path(__file__).parents[1]
    files = [path for path in package.rglob("*") if path.relative_to(package).parts[0] not in _APART]
    for path in (*sorted(path for path in files if path.suffix in _CODE), root / "requirements.lock"):
        if path.is_file():
            name = path.relative_to(package) if path.is_relative_to(package) else path.name
            digest.update(str(name).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def fingerprint(job: Job, endpoint: str, code: str) -> str:
    """A digest of the notebook's source and data, its parameters, the deployment, the endpoint and the code.

    Outputs do not count, since `--save` changes only them.
    """
    known = [_source(job.notebook), _data(job.notebook), sorted(job.parameters.items()), job.deployment, endpoint, code]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]


def _source(notebook: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(cell.type, cell.source, cell.tags) for cell in load(notebook).cells]


def _data(notebook: Path) -> list[tuple[str, object]]:
    """The files beside a notebook that it uses: its TOML file, and the files, folders and notebooks that it names."""
    source = "\n".join(cell.source for cell in load(notebook).code)
    found: list[tuple[str, object]] = []
    for path in sorted(notebook.parent.iterdir()):
        named = f'"{path.stem if path.suffix == ENDING else path.name}"' in source
        if path.suffix == ENDING and named:
            found.append((path.name, _source(path)))  # the notebook uses a program of this one
        elif named or path == notebook.with_suffix(".toml"):
            found += [(file.name, _digest(file)) for file in (sorted(path.glob("*")) if path.is_dir() else [path])]
    return found


def _digest(file: Path) -> str:
    """The digest of a file's content; empty for a path that is no regular file, or cannot be read."""
    if not file.is_file():  # reading a pipe would never end
        return ""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""


class History:
    """Keeps the seconds, calls and tokens of each notebook on each deployment, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = self._read()

    def seconds(self, job: Job) -> float:
        """The expected seconds; infinity for a notebook that never passed, so that it starts first."""
        rows = self._rows(job)
        return rows[0]["seconds"] if rows else float("inf")

    def usage(self, job: Job) -> Usage | None:
        """The expected usage; None where it was never counted with these parameters."""
        return usage_from_json(row) if (row := self._counted(job)) else None

    def where(self, job: Job) -> str:
        """The endpoint and the day of the job's usage; empty where it was never counted."""
        row = self._counted(job)
        return f"{row['endpoint']}, {row['day']}" if row else ""

    def remember(self, results: Sequence[Result], endpoint: str) -> None:
        """Keep the figures of the jobs that passed. The file is read again: another run may have changed it."""
        self.known = self._read()
        for result in results:
            if result.passed and not result.resumed:
                row = result.as_json()
                kept = ("seconds", "calls", "prompt_tokens", "completion_tokens", "counted_exactly")
                day = time.strftime("%Y-%m-%d")
                self.known.setdefault(result.job.name, {})[result.job.deployment] = {
                    **{name: row[name] for name in kept},
                    "parameters": _parameters(result.job),
                    "endpoint": endpoint,
                    "day": day,
                }
        write_json(self.path, self.known)

    def _read(self) -> dict[str, dict[str, Any]]:
        known = read_json(self.path)
        rows = known.items() if isinstance(known, dict) else ()
        return {
            name: {on: row for on, row in of.items() if _is_whole(row)} for name, of in rows if isinstance(of, dict)
        }

    def _counted(self, job: Job) -> dict[str, Any] | None:
        """The row that was counted with the job's own parameters; other parameters may use far more tokens."""
        rows = (row for row in self._rows(job) if row.get("calls") is not None)
        return next((row for row in rows if row.get("parameters", {}) == _parameters(job)), None)

    def _rows(self, job: Job) -> list[dict[str, Any]]:
        """The job's own row, then those of the notebook on other deployments, where it makes the same calls."""
        by_deployment = self.known.get(job.name, {})
        others = [row for name, row in by_deployment.items() if name != job.deployment]
        return [by_deployment[job.deployment], *others] if job.deployment in by_deployment else others


def _is_whole(row: Any) -> bool:
    """Whether a row of the file has all values, of the right types: the file may be damaged."""
    if not isinstance(row, dict) or not isinstance(row.get("seconds"), int | float):
        return False
    where = (row.get(name) for name in ("endpoint", "day"))
    return has_usage(row) and (row.get("calls") is None or all(isinstance(each, str) for each in where))


def _parameters(job: Job) -> dict[str, Any]:
    """A job's parameters without the deployment, which is already a key in the file."""
    return {name: value for name, value in job.parameters.items() if name != "model"}


def longest_first(results: Sequence[Result], history: History) -> list[Result]:
    """The results in the order in which their jobs start. Of notebooks that never passed, the largest is first."""

    def length(result: Result) -> tuple[float, int]:
        return history.seconds(result.job), result.job.notebook.stat().st_size

    return sorted(results, key=length, reverse=True)
