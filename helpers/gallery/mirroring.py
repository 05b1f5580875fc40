"""The notebooks, and every file of the project that they link to, copied so that all links still lead somewhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
_PAGES = (".ipynb", ".md")


def mirror(root: Path, into: Path) -> list[str]:
    """Copy README.md, the notebooks, and what these link to in turn, to the same places below another folder.

    Args:
        root: the project's folder.
        into: where the site's sources are collected.

    Returns:
        The names of the pages among them, without their endings.
    """
    waiting, done = [root / "README.md", *sorted((root / "notebooks").glob("*.ipynb"))], set()
    while waiting:
        path = waiting.pop()
        if path in done or not path.is_file() or root not in path.parents:
            continue
        done.add(path)
        copy = into / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix in _PAGES:
            waiting += [(path.parent / link).resolve() for link in _LINK.findall(_markdown(path))]
    pages = (path.relative_to(root).with_suffix("") for path in done if path.suffix in _PAGES)
    return sorted(page.as_posix() for page in pages)


def _markdown(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
