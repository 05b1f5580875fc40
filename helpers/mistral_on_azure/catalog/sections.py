"""The sections that all client notebooks share, read from the notebooks themselves."""

from __future__ import annotations

import json
from pathlib import Path

CLIENTS = {
    "webrequests": "curl and requests",
    "azure-sdk": "Azure SDK",
    "openai-sdk": "OpenAI SDK",
    "langchain": "LangChain",
    "mistralai": "MistralAI",
    "litellm": "LiteLLM",
}


def headings(notebook: Path) -> list[str]:
    """The `##` headings of a notebook, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = ("".join(cell["source"]).partition("\n")[0] for cell in cells if cell["cell_type"] == "markdown")
    return [line.removeprefix("## ") for line in lines if line.startswith("## ")]


def tasks(folder: Path) -> list[str]:
    """The sections of the client notebooks that are tasks: all between setting up and the exercises."""
    first = headings(folder / f"{next(iter(CLIENTS))}.ipynb")
    return first[first.index("Set up") + 1 : first.index("Exercises")]


def anchor(heading: str) -> str:
    """The fragment by which Jupyter and GitHub link to a heading."""
    return heading.replace(" ", "-")
