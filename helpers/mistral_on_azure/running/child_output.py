"""What a worker, its kernel and whatever a notebook starts write to the console, masked line by line."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

_LONGEST = 1 << 20  # bytes without the end of a line that are kept back
_OVERLAP = 4096  # bytes kept back of a line that is longer, since a credential may go on
_SHOWN = 1000  # characters of the last line
_END = 2.0  # seconds for what is still written when the notebook has ended


@contextlib.contextmanager
def masked(mask: Callable[[str], str]) -> Iterator[tuple[Stream, Stream]]:
    """Within this context the process's standard output and error, which its children share, are masked.

    Args:
        mask: takes the credentials out of a text.

    Yields:
        the standard output and the standard error.
    """
    streams = Stream(1, mask), Stream(2, mask)
    try:
        yield streams
    finally:
        for stream in streams:
            stream.close()


class Stream:
    """One descriptor, replaced by a pipe whose lines a thread passes on.

    Attributes:
        last: the last line that was passed on, masked; empty before the first.
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
        self._thread.join(_END)  # a process that outlives the notebook may hold the other end

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
