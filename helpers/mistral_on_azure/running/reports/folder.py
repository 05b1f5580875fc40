"""The folder of reports, which belongs to one run at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.reports import junit, record, summary

try:
    import fcntl
except ImportError:  # Windows, where two runs may share a folder
    fcntl = None

_MOST = 50  # runs at a time


@contextlib.contextmanager
def claim(wanted: Path, must: bool) -> Iterator[Path]:
    """A folder for one run: the wanted one or, while another run uses it, one beside it with a number.

    The operating system releases it when the process ends, even by a crash.

    Args:
        must: accept no other folder.

    Raises:
        CookbookError: when the folder cannot be written, or is in use and `must` is set.
    """
    for number in range(1, 2 if must else _MOST):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("a")
        except OSError as error:
            raise CookbookError(f"{folder} cannot be written ({error.strerror}). Choose another --reports.") from None
        with lock:
            if _locked(lock):
                yield folder
                return
    raise CookbookError(f"Another run is using {wanted}. Wait for its end, or leave out --resume.")


def clear(folder: Path, keep: set[Path]) -> None:
    """Remove the files of the last run, and no other file in the folder.

    Args:
        keep: executed notebooks of jobs that passed and are not executed again.
    """
    for job in record.earlier(folder):
        output = (folder / job["output"]).resolve()
        if output.suffix == ".ipynb" and output.is_relative_to(folder.resolve()) and output not in keep:
            output.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for place in output.parents:
                    if place == folder.resolve():
                        break
                    place.rmdir()
    for name in (record.FILE, junit.FILE, summary.FILE):
        (folder / name).unlink(missing_ok=True)


def _locked(lock: IO[str]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
