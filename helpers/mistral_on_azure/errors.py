"""How a command ends for a user's mistake (in one line: what is wrong, where, and what to do), and after Ctrl-C."""

from __future__ import annotations

INTERRUPTED = 130  # the exit status that shells give to Ctrl-C


class CookbookError(Exception):
    """A mistake that its reader can mend. Jupyter shows it as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
