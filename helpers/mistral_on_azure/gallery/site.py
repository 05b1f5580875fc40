"""All sources of the site, collected in one folder: made pages, and the project's files that they link to."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from mistral_on_azure.catalog.sections import tasks
from mistral_on_azure.gallery.comparison import comparison_page
from mistral_on_azure.gallery.front import PAGE, beyond_python_page, front_page
from mistral_on_azure.gallery.runs import runs, starters
from mistral_on_azure.gallery.task_pages import page_name, task_page

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


def collect(root: Path, work: Path) -> Path:
    """Write the sources anew.

    Args:
        root: the project's folder.
        work: a folder for what is made on the way.

    Returns:
        The folder with the sources.
    """
    sources, folder = work / "sources", root / "notebooks"
    programs = starters(folder)
    ran = runs(programs, work / "runs.json")
    shutil.rmtree(sources, ignore_errors=True)
    mirrored = mirror(root, sources)
    known = tasks(folder)
    pages = {page_name(task): task_page(folder, task, programs, ran) for task in known}
    pages["index"] = front_page(folder, known, programs, mirrored)
    pages["comparison"] = comparison_page(root, programs, ran, sources)
    pages[PAGE] = beyond_python_page()
    for name, text in pages.items():
        path = sources / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sources
