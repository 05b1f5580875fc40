"""What the notebooks say about a client and a task, so that the gallery says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

from helpers.errors import CookbookError
from helpers.sections import CLIENTS

_REASON = re.compile(r"^\| \[[^\]]+\]\((?P<client>[\w-]+)\.ipynb\) \| [^|]+ \| (?P<reason>[^|]+?) \|$", re.M)
_LINK_TO_NOTEBOOK = re.compile(r"\]\((?=[\w-]+\.ipynb)")


def reasons(folder: Path) -> dict[str, str]:
    """When to take each client, from the table in the start-here notebook: what follows "take it when".

    Args:
        folder: where the notebooks are.

    Raises:
        CookbookError: when the table leaves out a client.
    """
    text = "\n\n".join(_texts(folder / "start-here.ipynb"))
    found = {match["client"]: match["reason"] for match in _REASON.finditer(text)}
    if missing := CLIENTS.keys() - found.keys():
        raise CookbookError(f"The table of clients in start-here.ipynb has no row for {', '.join(sorted(missing))}.")
    return found


def leads(notebook: Path) -> dict[str, str]:
    """The first paragraph of each section, by its heading; links work from a folder beside the notebooks'."""
    found = {}
    for text in _texts(notebook):
        heading, _, rest = text.partition("\n\n")
        if heading.startswith("## "):
            found[heading.removeprefix("## ")] = _LINK_TO_NOTEBOOK.sub("](../notebooks/", rest.partition("\n\n")[0])
    return found


def _texts(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
