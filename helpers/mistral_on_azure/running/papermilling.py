"""Papermill with the settings of the runner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import papermill
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from traitlets.config import Config

from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.running.jobs import Job

_START_TIMEOUT = 60  # seconds for a kernel to start, on a machine that is busy
_SAVE_EVERY = 2.0  # seconds

CellStarted = Callable[[int, int, str], None]  # the number of the code cell, the number of code cells, and the source


class SparingEngine(NBClientEngine):
    """Papermill's engine, but it saves the notebook every two seconds and at the end, not twice a cell.

    A save takes 10 ms; for a notebook of a hundred cells that was two seconds, more than some notebooks run.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **kwargs: Any) -> Any:
        save, saved = nb_man.save, time.monotonic()

        def save_now_and_then(**kwargs: Any) -> None:
            nonlocal saved
            if time.monotonic() - saved > _SAVE_EVERY:
                save(**kwargs)
                saved = time.monotonic()

        nb_man.save = save_now_and_then
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        finally:
            nb_man.save = save  # papermill saves once more after this


papermill_engines.register("sparing", SparingEngine)


def execute(job: Job, cell_timeout: float, sockets: Path, started: CellStarted) -> None:
    """Execute a notebook.

    Args:
        cell_timeout: seconds.
        sockets: an empty, private folder, in which kernel and client meet. They would else talk over TCP ports, which
            are open to every user of the machine, or over sockets in the notebook's folder, where two runs collide.
        started: called for each code cell that starts.

    Raises:
        papermill.PapermillExecutionError: when a cell does.
        Exception: for a kernel that dies or does not start in time, or a cell that does not end in time.
    """
    transport = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{sockets}/s"}
    job.output.parent.mkdir(parents=True, exist_ok=True)
    with job.working_folder() as folder:
        papermill.execute_notebook(
            job.notebook,
            job.output,
            parameters=job.parameters,
            engine_name="sparing",
            kernel_name="python3",
            language="python",
            cwd=folder,
            progress_bar=False,
            on_cell_start=_counter(job, started),
            start_timeout=_START_TIMEOUT,
            execution_timeout=cell_timeout,
            coalesce_streams=True,  # a stream of tokens stays one output
            shutdown_kernel="immediate",  # nothing in a kernel is worth waiting for once the last cell has run
            config=Config(KernelManager={"connection_file": f"{sockets}/kernel.json", **transport}),
        )


def _counter(job: Job, started: CellStarted) -> Callable[..., None]:
    total = len(load(job.notebook).code)
    total += bool(job.parameters)  # papermill injects a cell with them
    seen = 0

    def count(cell: Any, cell_index: int) -> None:
        nonlocal seen
        if cell.cell_type == "code":
            seen += 1
            started(seen, total, cell.source)

    return count
