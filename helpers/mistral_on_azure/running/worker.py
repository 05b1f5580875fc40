"""The process that executes one notebook: papermill changes the working folder, and nothing may outlive the notebook.

Whatever signal ends this process or its runner, everything that the notebook has started ends too. What it prints is
masked.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from mistral_on_azure.azure.children import Changes, apply, own_kernel
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.running.jobs import Job

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_LONGEST = 400  # characters of an error
_MOST_SOURCE = 4000  # characters of a cell in reports, whose size CI systems limit
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMMAND = re.compile(r"##(?=vso\[|\[)|^(\s*)::", re.MULTILINE)  # of Azure Pipelines and GitHub, in a log
_ARROW = re.compile(r"^-+> *\d+ (.*)$", re.MULTILINE)
_PATIENCE = 5.0  # seconds until killed processes have disappeared
_SET_CHILD_SUBREAPER = 36  # prctl(2)
_LONGEST_LINE = 1 << 20  # bytes of an unfinished line that are held back
_OVERLAP = 4096  # bytes at the end of a longer line that are held back, since they may be the start of a credential
_SHOWN = 1000  # characters of the last line
_LAST_WORDS = 2.0  # seconds for output that comes after the end of the notebook


def one_line(
    kind: str, message: str, traceback: Sequence[str] = (), mask: Callable[[str], str] = lambda text: text
) -> str:
    """An error's class and message in one line. An assertion without a message is shown by its source line.

    Args:
        traceback: lines from the kernel, with colours.
        mask: masks the credentials in a text; called before the text is shortened.
    """
    text = " ".join(plain(mask(message)).split())
    if not text:
        arrows = _ARROW.findall(plain(mask("\n".join(traceback))))
        text = arrows[0].strip() if arrows else ""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1]}…"
    if kind in ("CookbookError", "NotRun") or not text:
        return text or kind
    return f"{kind}: {text}"


def plain(text: str) -> str:
    """A text without colours, without characters that XML and terminals cannot show, and without CI commands.

    An error may contain text of an endpoint, and a CI system executes commands that it finds in the log.
    """
    shown = "".join(each for each in _COLOUR.sub("", text) if each.isprintable() or each in "\n\t")
    return _COMMAND.sub(lambda found: f"{found[1]}: :" if found[1] is not None else "# #", shown)


@dataclass(frozen=True, slots=True)
class Started:
    """A code cell has started: number `cell`, counted from 1, of `cells`."""

    cell: int
    cells: int
    source: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The notebook has ended. `error` is one line and `kind` the error's class; both are empty on success."""

    error: str = ""
    kind: str = ""
    source: str = ""


def work(job: Job, environment: Changes, limit: float, sockets: Path, tell: Connection, secrets: Sequence[str]) -> None:
    """Execute a notebook, and send its progress to the runner.

    Args:
        environment: changes for the kernel's environment, with the credential, which must not be a parameter.
        limit: seconds for each cell.
        sockets: a private folder for the kernel's sockets.
        tell: the connection over which `Started` and `Ended` are sent.
        secrets: credentials to mask in these messages and on the console.
    """
    _end_with_runner()
    adopt_orphans()
    warnings.simplefilter("ignore")
    sockets.mkdir()
    apply(own_kernel(sockets))
    apply(environment)
    mask = Masker(secrets).text
    with MaskedStream(1, mask), MaskedStream(2, mask) as errors:
        ended = _execute(job, limit, sockets, tell, mask, errors)
        end_children()  # a kernel that did not end by itself
    tell.send(ended)


def cell_timeout(limit: float) -> str:
    """The error of a cell that runs for longer than a limit in seconds."""
    return f"The cell did not end within {limit:g} s (--cell-timeout)."


def _execute(
    job: Job, limit: float, sockets: Path, tell: Connection, mask: Callable[[str], str], errors: MaskedStream
) -> Ended:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    from mistral_on_azure.running.papermilling import CellFailed, NoReply, execute

    running = ""

    def shown(source: str) -> str:
        source = plain(mask(source))
        rest = f"\n# … {len(source):,} characters in all" if len(source) > _MOST_SOURCE else ""
        return source[:_MOST_SOURCE] + rest

    def started(cell: int, cells: int, source: str) -> None:
        nonlocal running
        running = shown(source)
        tell.send(Started(cell, cells, running))

    try:
        execute(job, limit, sockets, started)
    except CellFailed as error:
        line = one_line(error.kind, error.message, error.traceback, mask)
        return Ended(line, error.kind, shown(error.source))
    except NoReply:
        return Ended(one_line("NotRun", f"The kernel gave no answer: {errors.last}", mask=mask), "NoReply", running)
    except CellTimeoutError:
        return Ended(cell_timeout(limit), "CellTimeout", running)
    except DeadKernelError:
        return Ended("The kernel died: it crashed, was killed or ran out of memory.", "KernelDied", running)
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            job.output.unlink(missing_ok=True)  # an incomplete notebook, which takes the room that the reports need
        return Ended(one_line(type(error).__name__, str(error), mask=mask), type(error).__name__, running)
    return Ended()


def _end_with_runner() -> None:
    """End this process and its kernel when the runner ends, even if the runner is killed."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C ends the runner's process group, and this process has to clean up

    def end(*_: object) -> None:
        end_children()
        os._exit(1)

    for name in ENDING:
        signal.signal(name, end)

    def watch() -> None:
        parent_process().join()
        end()

    threading.Thread(target=watch, daemon=True).start()


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends, as when a kernel crashes, so that `end_children` finds them.

    Linux only; on other systems such a process is not killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_tree(pid: int) -> None:
    """Kill a process and everything it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        _kill([*process.children(recursive=True), process])


def end_children() -> None:
    """Kill everything this process has started."""
    _kill(psutil.Process(os.getpid()).children(recursive=True))


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    psutil.wait_procs(processes, _PATIENCE)


class MaskedStream:
    """Within this context, what is written to a file descriptor, by child processes too, is masked by a thread.

    Attributes:
        last: the last line that was written, masked; empty before the first.
    """

    last = ""

    def __init__(self, number: int, mask: Callable[[str], str]) -> None:
        self._number, self._mask = number, mask

    def __enter__(self) -> MaskedStream:
        self._console = os.dup(self._number)
        self._reading, writing = os.pipe()
        os.dup2(writing, self._number)
        os.close(writing)
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._console, self._number)
        self._thread.join(_LAST_WORDS)  # a process that outlives the notebook may hold the other end of the pipe

    def _pass_on(self) -> None:
        waiting = b""
        while part := os.read(self._reading, 65536):
            waiting += part
            end = waiting.rfind(b"\n") + 1
            if not end and len(waiting) > _LONGEST_LINE:
                end = len(waiting) - _OVERLAP
            if end:
                self._write(waiting[:end])
                waiting = waiting[end:]
        self._write(waiting)

    def _write(self, text: bytes) -> None:
        shown = self._mask(text.decode("utf-8", "replace"))
        self.last = shown.strip()[-_SHOWN:].rpartition("\n")[2] or self.last
        masked = shown.encode()
        with contextlib.suppress(OSError):  # nobody reads any more
            while masked:
                masked = masked[os.write(self._console, masked) :]
