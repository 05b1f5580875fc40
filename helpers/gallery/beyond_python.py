"""The page of the tasks in other languages: the programs of notebooks/beyond-python, task by task."""

from __future__ import annotations

from helpers.beyond_python.programs import PROGRAMS
from helpers.gallery.clients import FIRST
from helpers.gallery.markdown import code_block, tab_set
from helpers.gallery.tasks import CLIENT

PAGE, TITLE = "beyond-python", "The same tasks in other languages"
_ABOUT = """\
Programs for curl, for JavaScript with OpenAI's package and with Microsoft's, and for C#. Each part goes on from the
ones above it. The whole files, and what to install for them, are
[in the folder beyond-python](notebooks/beyond-python/README.md). Tests run all of them but C#, which was **not compiled
and not run here**. What the others print is in the notebooks for [curl](notebooks/beyond-python/curl.ipynb) and
[JavaScript](notebooks/beyond-python/javascript.ipynb).
"""


def beyond_python_page() -> str:
    """The page."""
    parts = {client: program.parts() for client, program in PROGRAMS.items()}
    sections = [f"## {task}\n\n{_tabs(parts, task)}" for task in parts[FIRST]]
    return "\n".join([f"# {TITLE}\n", _ABOUT, *sections])


def _tabs(parts: dict[str, dict[str, str]], task: str) -> str:
    tabs = [
        (client, program.title, code_block(parts[client][task], program.language))
        for client, program in PROGRAMS.items()
    ]
    return tab_set(CLIENT, tabs, FIRST)
