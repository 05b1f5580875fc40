"""Executes a notebook with papermill and the runner's settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.execute import prepare_notebook_metadata, raise_for_execution_errors, remove_error_markers
from papermill.iorw import load_notebook_node, write_ipynb
from papermill.log import logger
from papermill.parameterize import parameterize_notebook
from papermill.utils import chdir
from traitlets.config import Config

from mistral_on_azure.azure.children import kernel_sockets
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.kernel_client import CellFailed, KernelClient, check

_START_TIMEOUT = 60  # seconds for a kernel to start, on a machine that is busy
_SAVE_EVERY = 2.0  # seconds
_SPARING = 20  # the factor by which less time is spent on saving than on executing
_KERNEL = {"engine_name": "sparing", "kernel_name": "python3", "language": "python"}

CellStarted = Callable[[int, int, str], None]  # the number of the code cell, the number of code cells, and the source


class SparingEngine(Engine):
    """Papermill's engine, which saves the notebook every two seconds and at the end instead of twice a cell.

    A save takes 10 ms. Twice for each of a hundred cells, that was two seconds, longer than some notebooks run. A large
    notebook takes longer to save, and is saved less often.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        started: CellStarted,
        stopped_by: list[CellExecutionError],
        **options: Any,
    ) -> None:
        """Execute the cells; the error of a cell that fails is added to `stopped_by`."""
        options = {name: value for name, value in options.items() if name not in ("log_output", "input_path")}
        client = KernelClient(nb_man, kernel_name=kernel_name, log=logger, **options)
        save, begin, fail, saved, pause = nb_man.save, nb_man.cell_start, nb_man.cell_exception, time.monotonic(), 0.0
        total, seen = sum(cell.cell_type == "code" for cell in nb_man.nb.cells), 0

        def save_now_and_then(**kwargs: Any) -> None:
            nonlocal saved, pause
            if time.monotonic() - saved > max(_SAVE_EVERY, pause):
                began = time.monotonic()
                client.join_streams()
                save(**kwargs)
                saved = time.monotonic()
                pause = (saved - began) * _SPARING

        def cell_start(cell: NotebookNode, *more: Any, **kwargs: Any) -> None:
            nonlocal seen
            if cell.cell_type == "code":
                seen += 1
                started(seen, total, cell.source)
            begin(cell, *more, **kwargs)

        def cell_exception(*more: Any, exception: CellExecutionError, **kwargs: Any) -> None:
            stopped_by.append(exception)
            fail(*more, exception=exception, **kwargs)

        nb_man.save, nb_man.cell_start, nb_man.cell_exception = save_now_and_then, cell_start, cell_exception
        try:
            client.execute()
        finally:
            nb_man.save = save  # papermill saves once more after this


papermill_engines.register("sparing", SparingEngine)
logger.setLevel(logging.CRITICAL)  # the result has the error in one line


def execute(job: Job, cell_timeout: float, sockets: Path, started: CellStarted) -> None:
    """Execute a notebook.

    Args:
        cell_timeout: seconds.
        sockets: an empty, private folder for the kernel's sockets; in the notebook's folder two runs would collide.
        started: called for each code cell that starts.

    Raises:
        CellFailed: for a cell that failed or did not run.
        Exception: for a kernel that dies or does not start in time, or a cell that does not end in time.
    """
    job.output.parent.mkdir(parents=True, exist_ok=True)
    output, stopped_by = str(job.output), list[CellExecutionError]()
    notebook = load_notebook_node(str(job.notebook))
    for cell in notebook.cells:
        cell.metadata.tags = cell.metadata.get("tags") or []  # some editors write null
    if job.parameters:
        notebook = parameterize_notebook(notebook, job.parameters, **_KERNEL)
    notebook = remove_error_markers(prepare_notebook_metadata(notebook, str(job.notebook), output))
    with job.working_folder() as folder, chdir(str(folder)):
        notebook = papermill_engines.execute_notebook_with_engine(
            _KERNEL["engine_name"],
            notebook,
            kernel_name=_KERNEL["kernel_name"],
            output_path=output,
            progress_bar=False,
            started=started,
            stopped_by=stopped_by,
            startup_timeout=_START_TIMEOUT,
            timeout=cell_timeout,
            iopub_timeout=max(1, round(cell_timeout)),  # a cell's output may arrive later than its end
            shutdown_kernel="immediate",  # after the last cell a kernel has nothing to save
            config=Config(KernelManager=kernel_sockets(sockets)),
        )
    write_ipynb(notebook, output)
    try:
        check(notebook, stopped_by[0] if stopped_by else None)
    except CellFailed:
        _mark(notebook, output)
        raise


def _mark(notebook: NotebookNode, output: str) -> None:
    """Write the notebook with a link to the cell that failed, as papermill does."""
    from papermill.exceptions import PapermillExecutionError

    try:
        raise_for_execution_errors(notebook, output)
    except PapermillExecutionError:
        return
