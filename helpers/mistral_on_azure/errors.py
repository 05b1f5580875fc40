"""The error for a user's mistake, whose one line names what is wrong and what to do; the exit status after Ctrl-C."""

from __future__ import annotations

INTERRUPTED = 130  # the exit status that shells give to Ctrl-C


class CookbookError(Exception):
    """A mistake that the user can correct. Jupyter shows it as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
