"""`python -m mistral_on_azure.gallery.starter_process`: run one client's starters, one after the other.

The programs come as JSON on standard input, because credentials are in it; the results go to standard output.
One process for all of a client's starters imports the client once, and not once for each task.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any


def perform(code: str, environment: dict[str, str]) -> str:
    """Run a program as if it were started by itself.

    Args:
        environment: variables to set for it.

    Returns:
        Its standard output.
    """
    before, printed = dict(os.environ), io.StringIO()
    os.environ.update(environment)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "starter", "exec", dont_inherit=True), {"__name__": "__main__"})
    finally:
        os.environ.clear()
        os.environ.update(before)
    return printed.getvalue()


def main() -> None:
    jobs: dict[str, dict[str, Any]] = json.load(sys.stdin)
    print(json.dumps({task: perform(**job) for task, job in jobs.items()}))


if __name__ == "__main__":
    main()
