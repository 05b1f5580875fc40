"""The page of the tasks in JavaScript: the two programs of the folder javascript, task by task."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.gallery.clients import FIRST
from helpers.gallery.markdown import code_block, tab_set
from helpers.gallery.tasks import CLIENT

PAGE, TITLE = "javascript", "The same tasks in JavaScript"
# By the client in Python that a reader who knows it will look for.
PROGRAMS = {
    "openai-sdk": ("OpenAI package", "openai-sdk.mjs"),
    "azure-sdk": ("@azure-rest/ai-inference", "azure-rest.mjs"),
}
_ABOUT = """\
Two programs, with OpenAI's package and with Microsoft's. Each part goes on from the ones above it. The whole files, and
what to install for them, are [in the folder javascript](javascript/README.md).
"""
_BEGIN = re.compile(r'^begin\("(.*)"\);\n', re.MULTILINE)  # of a task


def javascript_page(root: Path) -> str:
    """The page.

    Args:
        root: the project's folder.
    """
    programs = {client: parts(root / "javascript" / file) for client, (_, file) in PROGRAMS.items()}
    sections = [f"## {task}\n\n{_tabs(programs, task)}" for task in programs[FIRST]]
    return "\n".join([f"# {TITLE}\n", _ABOUT, *sections])


def parts(program: Path) -> dict[str, str]:
    """The parts of a program, by their tasks; the first one is `Set up`."""
    split = _BEGIN.split(program.read_text(encoding="utf-8"))
    return {
        "Set up": split[0].strip(),
        **{task: text.strip() for task, text in zip(split[1::2], split[2::2], strict=True)},
    }


def _tabs(programs: dict[str, dict[str, str]], task: str) -> str:
    tabs = [
        (client, PROGRAMS[client][0], code_block(program[task], "javascript")) for client, program in programs.items()
    ]
    return tab_set(CLIENT, tabs, FIRST)
