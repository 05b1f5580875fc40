"""The error for a user's mistake: one line that says what is wrong, where, and what to do."""

from __future__ import annotations


class CookbookError(Exception):
    """A mistake that its reader can mend. Jupyter shows it as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
