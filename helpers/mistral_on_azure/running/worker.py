"""Executes one notebook in a process of its own, since papermill changes the process's working folder."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from mistral_on_azure.azure.children import Changes, apply, own_kernel
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.processes import ENDING, MaskedStream, adopt_orphans, end_children, masked_output

_LONGEST = 400  # characters of an error
_MOST_SOURCE = 4000  # characters of a cell in reports, whose size CI systems limit
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMMAND = re.compile(r"##(?=vso\[|\[)|^(\s*)::", re.MULTILINE)  # of Azure Pipelines and GitHub, in a log
_ARROW = re.compile(r"^-+> *\d+ (.*)$", re.MULTILINE)


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


def _shortened(source: str) -> str:
    """A cell's source, shortened for a report."""
    return source if len(source) <= _MOST_SOURCE else f"{source[:_MOST_SOURCE]}\n# … {len(source):,} characters in all"


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


def work(
    job: Job, environment: Changes, limit: float, sockets: Path, tell: Connection, secrets: Sequence[str] = ()
) -> None:
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
    with masked_output(mask) as (_, errors):
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

    from mistral_on_azure.running.kernel_client import CellFailed, NoReply
    from mistral_on_azure.running.papermilling import execute

    running = ""

    def started(cell: int, cells: int, source: str) -> None:
        nonlocal running
        running = _shortened(plain(mask(source)))
        tell.send(Started(cell, cells, running))

    try:
        execute(job, limit, sockets, started)
    except CellFailed as error:
        return Ended(
            one_line(error.kind, error.message, error.traceback, mask),
            error.kind,
            _shortened(plain(mask(error.source))),
        )
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
    for name in ENDING:
        signal.signal(name, lambda *_: _end())
    runner = parent_process()

    def watch() -> None:
        runner.join()
        _end()

    threading.Thread(target=watch, daemon=True).start()


def _end() -> None:
    end_children()
    os._exit(1)
