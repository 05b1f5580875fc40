"""All sources of the site, collected in one folder: made pages, and mirrored ones."""

from __future__ import annotations

import shutil
from pathlib import Path

from helpers.gallery.beyond_python import PAGE, beyond_python_page
from helpers.gallery.comparison import comparison_page
from helpers.gallery.front import front_page
from helpers.gallery.mirroring import mirror
from helpers.gallery.runs import runs
from helpers.gallery.starters import starters
from helpers.gallery.tasks import page_name, task_page
from helpers.sections import tasks


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
