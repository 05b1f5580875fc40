"""Reading notebooks without nbformat, which takes a while to import."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from helpers.errors import CookbookError


def read(notebook: Path) -> dict[str, Any]:
    """A notebook as it is in its file.

    Raises:
        CookbookError: when the file is no notebook.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        if all("source" in cell and "metadata" in cell for cell in content["cells"]):
            return content
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise CookbookError(f"{notebook} is not a notebook, or it is damaged.")


def tags(notebook: Path) -> set[str]:
    """The tags of a notebook and of its cells."""
    content = read(notebook)
    metadata = [content.get("metadata", {}), *(cell["metadata"] for cell in content["cells"])]
    return {tag for each in metadata for tag in each.get("tags", [])}


def typed_parameters(notebook: Path) -> dict[str, str]:
    """The parameters of a notebook and the type each is written with.

    Raises:
        CookbookError: when its parameters cell is not Python.
    """
    cells = read(notebook)["cells"]
    source = next(("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])), "")
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise CookbookError(f"{notebook.name}: line {error.lineno} of the parameters cell is not Python.") from None
    return {node.target.id: ast.unparse(node.annotation) for node in body if isinstance(node, ast.AnnAssign)}
