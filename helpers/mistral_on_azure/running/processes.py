"""Child processes of a run: none outlives the run, whatever signal ends it, and their output is masked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

import psutil

from mistral_on_azure.errors import CookbookError

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PATIENCE = 5.0  # seconds until killed processes have disappeared
_SET_CHILD_SUBREAPER = 36  # prctl(2)
_LONGEST = 1 << 20  # bytes of an unfinished line that are held back
_OVERLAP = 4096  # bytes at the end of a longer line that are held back, since they may be the start of a credential
_SHOWN = 1000  # characters of the last line
_LAST_WORDS = 2.0  # seconds for output that comes after the end of the notebook


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


class Interrupts:
    """Within this context the first SIGINT, SIGTERM or SIGHUP only sets `signal`, which a loop reads.

    The second one raises KeyboardInterrupt, for a user who does not wait for the clean-up. A signal that is ignored, as
    under `nohup`, stays ignored. Outside the main thread nothing changes.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGINT, *ENDING):
                if signal.getsignal(name) is not signal.SIG_IGN:
                    self._before[name] = signal.signal(name, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)
        if self.signal is not None and isinstance(error, CookbookError):
            raise KeyboardInterrupt from None  # children get the signal, too: their failure is no mistake of the user's

    def _note(self, number: int, frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    @property
    def reason(self) -> str:
        """Why the run must stop; empty while no signal has come."""
        if self.signal is None:
            return ""
        return f"Interrupted by {'Ctrl-C' if self.signal is signal.SIGINT else self.signal.name}."


@contextlib.contextmanager
def masked_output(mask: Callable[[str], str]) -> Iterator[tuple[MaskedStream, MaskedStream]]:
    """Within this context the process's standard output and error, which its children share, are masked.

    Args:
        mask: masks the credentials in a text.

    Yields:
        the standard output and the standard error.
    """
    streams = MaskedStream(1, mask), MaskedStream(2, mask)
    try:
        yield streams
    finally:
        for stream in streams:
            stream.close()


class MaskedStream:
    """A file descriptor that is replaced by a pipe, whose lines a thread masks and writes.

    Attributes:
        last: the last line that was written, masked; empty before the first.
    """

    last = ""

    def __init__(self, number: int, mask: Callable[[str], str]) -> None:
        self._number, self._mask, self._console = number, mask, os.dup(number)
        self._reading, writing = os.pipe()
        os.dup2(writing, number)
        os.close(writing)
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.dup2(self._console, self._number)
        self._thread.join(_LAST_WORDS)  # a process that outlives the notebook may hold the other end of the pipe

    def _pass_on(self) -> None:
        waiting = b""
        while part := os.read(self._reading, 65536):
            waiting += part
            end = waiting.rfind(b"\n") + 1
            if not end and len(waiting) > _LONGEST:
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
