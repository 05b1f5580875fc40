"""Running one notebook with papermill, in a process of its own: papermill changes the whole process's folder."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from helpers.running.jobs import Job

SHIELDED = ("PYTHONDONTWRITEBYTECODE",)  # with it every kernel would compile every library again


@dataclass(frozen=True, slots=True)
class Started:
    """A code cell has started: the `cell`-th of `cells`."""

    cell: int
    cells: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The notebook has ended. `error` is one line and `source` the failing cell's, both empty on success."""

    error: str = ""
    source: str = ""


def work(job: Job, environment: dict[str, str], timeouts: dict[str, float], tell: Connection) -> None:
    """Execute a notebook and tell how it goes.

    Args:
        environment: variables for the kernel, credentials among them; they are in no parameter and no argument.
        timeouts: seconds by papermill's names, such as `execution_timeout` for a cell.
        tell: where `Started` and `Ended` are sent.
    """
    _end_with_parent()
    for name in SHIELDED:
        os.environ.pop(name, None)
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    import papermill
    from traitlets.config import Config

    # Kernel and client talk over sockets in a private folder where there are such, not over open TCP ports.
    sockets = tempfile.mkdtemp(prefix="cookbook-")
    transport = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{sockets}/kernel"}
    job.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            job.notebook,
            job.output,
            parameters=job.parameters,
            kernel_name="python3",
            cwd=job.notebook.parent,
            progress_bar=False,
            on_cell_start=_announcer(job, tell),
            coalesce_streams=True,  # a stream of tokens stays one output
            shutdown_kernel="immediate",  # nothing in a kernel is worth waiting for once the last cell has run
            config=Config(KernelManager=transport),
            **timeouts,
        )
    except papermill.PapermillExecutionError as error:
        tell.send(Ended(_one_line(error.ename, error.evalue), error.source))
    except Exception as error:
        tell.send(Ended(_one_line(type(error).__name__, str(error))))
    else:
        tell.send(Ended())
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _announcer(job: Job, tell: Connection) -> Any:
    import nbformat

    cells = [cell.cell_type for cell in nbformat.read(job.notebook, 4).cells]
    total, seen = cells.count("code"), 0

    def announce(cell: Any, cell_index: int) -> None:
        nonlocal seen
        if cell.cell_type == "code":
            seen += 1
            tell.send(Started(min(seen, total), total))

    return announce


def _one_line(name: str, message: str) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    said = lines[0] if lines else ""
    return said if name == "CookbookError" else f"{name}: {said}"


def _end_with_parent() -> None:
    """End when the runner does, even if it was killed; the kernel notices the same way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    runner = parent_process()

    def watch() -> None:
        runner.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
