"""One JupyterLab for all of these tests, in which every notebook is executed once and looked at in several ways."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator

import pytest
from jupyterlab_process import Lab, furnish, jupyterlab
from lab_page import LabPage
from views import ENGINES, PICTURES, ROOT, VIEWS

from browsing import chromium
from selected import asked

_AT_ONCE = 3  # notebooks that are executed at the same time, each in its kernel


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of what it shows, in a home where Jupyter has been used before; port 8888 is taken."""
    folder = tmp_path_factory.mktemp("lab")
    copy = folder / "cook book"
    shutil.copytree(ROOT / "notebooks", copy / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for page in ("README.md", ENGINES):
        (copy / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / page, copy / page)
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then somebody else has it
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        with jupyterlab(ROOT, copy, furnish(folder / "home", ROOT)) as running:
            yield running


@pytest.fixture(scope="module")
def page(lab: Lab) -> Iterator[LabPage]:
    with chromium() as browser:
        yield LabPage(browser, lab)


@pytest.fixture(scope="module")
def first_sight(page: LabPage) -> dict:
    """The page before anybody has touched it."""
    return page.ask("firstSight")


@pytest.fixture(scope="module")
def executed(page: LabPage, first_sight: dict, request: pytest.FixtureRequest) -> dict[str, dict]:
    """Each notebook that a test of this run looks at, as JupyterLab has it after Run All, a few at a time."""
    names = asked(request, "name")
    groups = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    return {name: cells for group in groups for name, cells in page.ask("runAll", group).items()}


@pytest.fixture(scope="module")
def looks(page: LabPage, executed: dict[str, dict]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """What is wrong with each notebook's outputs in each view. The last run's pictures are in build/lab/pictures."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    found = {}
    for view, (width, theme, most) in VIEWS.items():
        page.look(width, theme)
        for name in executed:
            page.photograph(name, PICTURES / view, most)
            found[name, view] = {
                "cut off": page.ask("cutOff"),
                "too faint": page.ask("tooFaint"),
                "see-through": page.ask("seeThrough"),
            }
    return found
