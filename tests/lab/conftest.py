"""One JupyterLab for all of these tests, in which every notebook is executed once and looked at in several ways."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import chromium
from jupyterlab_process import Lab, jupyterlab
from lab_page import LabPage
from used_home import furnish
from views import NAMES, PICTURES, ROOT, VIEWS


@dataclass(frozen=True, slots=True)
class Look:
    """What is wrong with a notebook's outputs in one view."""

    cut_off: list[str]
    too_faint: list[str]
    see_through: list[str]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of the notebooks, in a home where Jupyter has been used before; port 8888 is taken."""
    folder = tmp_path_factory.mktemp("lab")
    copy = folder / "note books"
    shutil.copytree(ROOT / "notebooks", copy, ignore=shutil.ignore_patterns(".*"))
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then somebody else has it
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        with jupyterlab(ROOT, copy, furnish(folder / "home", ROOT)) as running:
            yield running


@pytest.fixture(scope="session")
def page(lab: Lab) -> Iterator[LabPage]:
    with chromium() as browser:
        yield LabPage(browser, lab)


@pytest.fixture(scope="session")
def first_sight(page: LabPage) -> dict:
    """The page before anybody has touched it."""
    return page.ask("firstSight")


@pytest.fixture(scope="session")
def executed(page: LabPage, first_sight: dict) -> dict[str, dict]:
    """Each notebook as JupyterLab has it after Run All."""
    return page.ask("runAll", NAMES)


@pytest.fixture(scope="session")
def looks(page: LabPage, executed: dict[str, dict]) -> dict[tuple[str, str], Look]:
    """Each notebook in each view. The pictures of the last run are in build/lab/pictures."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    found = {}
    for view, (width, theme) in VIEWS.items():
        page.ask("useTheme", theme)
        for name in executed:
            page.show(name, width)
            page.photograph(PICTURES / f"{Path(name).stem}-{view}.png")
            found[name, view] = Look(page.ask("cutOff"), page.too_faint(), page.ask("seeThrough"))
    return found
