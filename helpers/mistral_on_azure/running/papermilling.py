"""Executes a notebook with papermill: its cells one after the other, up to the first that fails.

Other than papermill's own engine, it saves the notebook sparingly, takes linear time for a large output, fails for a
cell that shows an error without raising it, and knows which cells ran.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.execute import prepare_notebook_metadata, raise_for_execution_errors, remove_error_markers
from papermill.iorw import load_notebook_node
from papermill.log import logger
from papermill.parameterize import parameterize_notebook
from papermill.utils import chdir
from traitlets.config import Config

from mistral_on_azure.azure.children import kernel_sockets
from mistral_on_azure.running.jobs import Job

logger.setLevel(logging.CRITICAL)  # the result has the error in one line

_START_TIMEOUT = 60  # seconds for a kernel to start, on a machine that is busy
_SAVE_EVERY = 2.0  # seconds
_SPARING = 20  # the factor by which less time is spent on saving than on executing
_KERNEL, _LANGUAGE = "python3", "python"
_MAY_RAISE, _NOT_RUN = "raises-exception", "skip-execution"  # tags of cells, which nbclient and nbval know, too
_POLITE = ("", "0", "None")  # values of a SystemExit that mean success
_NAMELESS = ("NoneType", "<Error>", "")  # the class of a display formatter's error in a reply
_TURNS, _PAUSE = 20, 0.1  # how often a reply is looked for after the end of a request, and the seconds in between
_BACKSPACE = re.compile("\b|[^\b]+")
_OF_GROUP = re.compile(r"^[ |]*\| ([\w.]+(?:: .*)?)$", re.MULTILINE)  # an exception in a group's traceback
_GROUP = re.compile(r"\w*ExceptionGroup\b")

CellStarted = Callable[[int, int, str], None]  # the number of the code cell, the number of code cells, and the source


@dataclass(slots=True)
class CellFailed(Exception):
    """A cell failed, or the notebook ended before its last cell.

    Attributes:
        cell: the number of the code cell, from 1.
        kind: the name of the error's class.
        message: the error's message; it may be empty.
        traceback: the kernel's lines, with colours.
        source: the cell's source.
    """

    cell: int
    kind: str
    message: str
    traceback: list[str]
    source: str


class NoReply(Exception):
    """The kernel has ended a request without a reply, as after a cell that broke something the kernel needs."""


def execute(job: Job, cell_timeout: float, sockets: Path, started: CellStarted) -> None:
    """Execute a notebook.

    Args:
        cell_timeout: seconds.
        sockets: an empty, private folder for the kernel's sockets; in the notebook's folder two runs would collide.
        started: called for each code cell that starts.

    Raises:
        CellFailed: for a cell that failed or did not run.
        NoReply: for a cell after which the kernel does not answer.
        Exception: for a kernel that dies or does not start in time, or a cell that does not end in time.
    """
    job.output.parent.mkdir(parents=True, exist_ok=True)
    output = str(job.output)
    notebook = load_notebook_node(str(job.notebook))
    for cell in notebook.cells:
        cell.metadata.tags = cell.metadata.get("tags") or []  # some editors write null
    if job.parameters:
        notebook = parameterize_notebook(notebook, job.parameters, kernel_name=_KERNEL, language=_LANGUAGE)
    notebook = remove_error_markers(prepare_notebook_metadata(notebook, str(job.notebook), output))
    manager = SparingManager(notebook, output, started)
    with job.working_folder() as folder, chdir(str(folder)):
        client = KernelClient(
            manager,
            kernel_name=_KERNEL,
            log=logger,
            startup_timeout=_START_TIMEOUT,
            timeout=cell_timeout,
            iopub_timeout=max(1, round(cell_timeout)),  # a cell's output may arrive later than its end
            shutdown_kernel="immediate",  # after the last cell a kernel has nothing to save
            config=Config(KernelManager=kernel_sockets(sockets)),
        )
        manager.notebook_start()
        try:
            client.execute()
        finally:
            manager.notebook_complete()
    try:
        check(notebook, manager.stopped_by)
    except CellFailed:
        with suppress(PapermillExecutionError):
            raise_for_execution_errors(notebook, output)  # writes the notebook with a link to the cell that failed
        raise


class SparingManager(NotebookExecutionManager):
    """Papermill's state of a notebook. It is saved every two seconds and at the end instead of twice a cell.

    A save takes 10 ms. Twice for each of a hundred cells, that was two seconds, longer than some notebooks run. A large
    notebook takes longer to save, and is saved less often.

    Attributes:
        stopped_by: the error of the cell at which the execution stopped; None where it went to the end.
        join_streams: called before each save.
    """

    stopped_by: CellExecutionError | None = None
    join_streams: Callable[[], None]

    def __init__(self, notebook: NotebookNode, output: str, started: CellStarted) -> None:
        super().__init__(notebook, output, progress_bar=False)
        self._started, self._seen, self._next_save = started, 0, 0.0
        self._total = sum(cell.cell_type == "code" for cell in notebook.cells)

    def save(self, **more: Any) -> None:
        began = time.monotonic()
        if began >= self._next_save:
            self.join_streams()
            super().save(**more)
            ended = time.monotonic()
            self._next_save = ended + max(_SAVE_EVERY, (ended - began) * _SPARING)

    def cell_start(self, cell: NotebookNode, *more: Any, **options: Any) -> None:
        if cell.cell_type == "code":
            self._seen += 1
            self._started(self._seen, self._total, cell.source)
        super().cell_start(cell, *more, **options)

    def cell_exception(self, *more: Any, exception: CellExecutionError, **options: Any) -> None:
        self.stopped_by = exception
        super().cell_exception(*more, **options)

    def notebook_complete(self, **more: Any) -> None:
        self._next_save = 0.0
        super().notebook_complete(**more)


class KernelClient(PapermillNotebookClient):
    """A client for one notebook. Each stream of a cell becomes one output, as with nbclient's `coalesce_streams`."""

    def __init__(self, manager: SparingManager, **options: Any) -> None:
        super().__init__(manager, **options)
        self._streams: dict[str, tuple[NotebookNode, list[str]]] = {}
        self._silent = False
        manager.join_streams = self.join_streams

    def execute_cell(self, *arguments: Any, **options: Any) -> NotebookNode:
        self._streams = {}
        try:
            return super().execute_cell(*arguments, **options)
        except DeadKernelError:
            raise NoReply if self._silent else DeadKernelError("Kernel died") from None
        finally:
            self.join_streams()
            for stream, _ in self._streams.values():
                stream["text"] = overwritten(stream["text"])
            self._streams = {}  # complete: another `join_streams` would undo that

    async def _async_poll_output_msg(self, *arguments: Any) -> None:
        await super()._async_poll_output_msg(*arguments)  # until the kernel is idle, after its reply
        self._watching = asyncio.ensure_future(self._watch(self.task_poll_for_reply))

    async def _watch(self, reply: asyncio.Future[Any]) -> None:
        for _ in range(_TURNS):  # the event loop may have been busy
            if reply.done():
                return
            await asyncio.sleep(_PAUSE)
        self._silent = True
        reply.cancel()

    async def _check_raise_for_error(self, cell: NotebookNode, cell_index: int, exec_reply: Any) -> None:
        await super()._check_raise_for_error(cell, cell_index, exec_reply)
        # After a display formatter's error, the cell goes on.
        if _MAY_RAISE not in cell.metadata.tags and (shown := _error_of(cell)):
            raise CellExecutionError.from_cell_and_msg(cell, shown)

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], *more: Any) -> NotebookNode | None:
        """Add an output to a cell's; a part of a stream is only kept until `join_streams`."""
        if self.clear_before_next_output:
            self._streams = {}
        if msg["msg_type"] != "stream" or self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            return super().output(outs, msg, *more)
        name, text = msg["content"]["name"], msg["content"]["text"]
        if name in self._streams:
            self._streams[name][1].append(text)
            return None
        stream = super().output(outs, msg, *more)
        if stream is not None:
            self._streams[name] = stream, [text]
        return stream

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        super().clear_output(outs, msg, cell_index)
        if not msg["content"].get("wait"):
            self._streams = {}

    def join_streams(self) -> None:
        """Write the text that has arrived of each stream into the notebook."""
        for stream, parts in self._streams.values():
            parts[:] = ["".join(parts)]
            stream["text"] = parts[0]


def check(notebook: NotebookNode, stopped_by: CellExecutionError | None) -> None:
    """Check that each cell of an executed notebook ran, and that only cells which may raise an error did.

    Args:
        stopped_by: the error of the cell at which the execution stopped.

    Raises:
        CellFailed: for the first cell that failed or did not run.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    left = [cell for cell in code if _runs(cell) and cell.execution_count is None]
    last = max((at for at, cell in enumerate(code) if cell.execution_count is not None and _runs(cell)), default=0)
    if stopped_by is not None and not (stopped_by.ename == "SystemExit" and str(stopped_by.evalue) in _POLITE):
        cell, error = code[last], stopped_by
        shown = _error_of(cell)
        if shown and error.ename in _NAMELESS:
            error = CellExecutionError.from_cell_and_msg(cell, shown)
        message = " ".join(filter(None, [str(error.evalue), _members(cell) if _GROUP.fullmatch(error.ename) else ""]))
        lines = shown.traceback if shown else str(error.traceback).splitlines()
        raise CellFailed(last + 1, error.ename, message, lines, cell.source)
    if left:
        ended = f"The notebook ended itself in code cell {last + 1} of {len(code)}"
        count = f"{len(left)} more cell{'s' * (len(left) > 1)}"
        raise CellFailed(last + 1, "NotRun", f"{ended}; {count} did not run.", [], code[last].source)


def _runs(cell: NotebookNode) -> bool:
    return bool(cell.source.strip()) and _NOT_RUN not in cell.metadata.tags


def overwritten(text: str) -> str:
    """A stream's text as a terminal shows it, without what a carriage return or a backspace overwrites."""
    if "\b" in text:
        text = "\n".join(map(_without_backspaces, text.split("\n")))
    if "\r" not in text:
        return text
    return "\n".join(line[line.rfind("\r", 0, max(len(line) - 1, 0)) + 1 :] for line in text.split("\n"))


def _without_backspaces(line: str) -> str:
    kept: list[str] = []
    for part in _BACKSPACE.findall(line):
        if part != "\b":
            kept.append(part)
        elif kept:
            kept[-1] = kept[-1][:-1]
            if not kept[-1]:
                kept.pop()
    return "".join(kept)


def _error_of(cell: NotebookNode) -> NotebookNode | None:
    return next((output for output in cell.outputs if output.output_type == "error"), None)


def _members(cell: NotebookNode) -> str:
    """The exceptions in a group, from the standard error: IPython's error output has only the group."""
    printed = "".join(each.text for each in cell.outputs if each.output_type == "stream" and each.name == "stderr")
    found = [each for each in _OF_GROUP.findall(printed) if not _GROUP.match(each)]
    return f"[{'; '.join(found)}]" if found else ""
