"""All sources of the site, collected in one folder: made pages, and the project's files that they link to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import load, notebooks
from mistral_on_azure.catalog.sections import tasks
from mistral_on_azure.gallery.comparison import comparison_page
from mistral_on_azure.gallery.pages import front_page, other_languages_page, page_name, task_page
from mistral_on_azure.gallery.runs import runs
from mistral_on_azure.snippets.starter import starters

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
    waiting = [root / "README.md", *(each.path for each in notebooks(root / "notebooks").values())]
    done = set()
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
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in load(page).markdown)


def collect(root: Path, work: Path) -> Path:
    """Write the sources anew.

    Args:
        root: the project's folder.
        work: a folder for what is made on the way.

    Returns:
        The folder with the sources.
    """
    sources, folder = work / "sources", root / "notebooks"
    programs = starters(folder, only=clients())
    ran = runs(programs, work / "runs.json")
    shutil.rmtree(sources, ignore_errors=True)
    mirrored, known, wanted = mirror(root, sources), notebooks(folder), tasks(folder)
    pages = {page_name(task): task_page(known, task, programs, ran) for task in wanted}
    pages["index"] = front_page(known, wanted, programs, mirrored)
    pages["comparison"] = comparison_page(programs, ran, sources / "charts")
    pages["beyond-python"] = other_languages_page()
    for name, text in pages.items():
        path = sources / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sources
