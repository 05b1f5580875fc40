"""How tests are shared out among processes: whole files, slowest first, to two processes more than there are cores."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

import long_tests

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

# Files that take ten seconds or more. One that started last would keep the others waiting; the order of all else
# does not matter. The second one compiles all clients in a fresh environment: nobody else begins with that, who would
# have to do it again. The second file of the gallery waits for nothing if the site is built by then.
SLOWEST = (
    "tests/notebooks/test_notebook_refusals.py",
    "tests/endpoint/test_openapi_fuzz.py",
    "tests/snippets/test_snippets.py",
    "tests/notebooks/beyond_python/test_other_notebooks.py",
    "tests/test_setup.py",
    "tests/lab/test_jupyterlab.py",
    "tests/gallery/test_pages.py",
    "tests/snippets/test_snippet_environments.py",
    "tests/gallery/test_using.py",
    "tests/running/test_run_ending.py",
    "tests/notebooks/beyond_python/test_programs.py",
    "tests/notebooks/test_running.py",
    "tests/catalog/test_new_recipe.py",
    "tests/catalog/test_seventh_client.py",
    "tests/upkeep/test_faults_table.py",
    "tests/running/test_run_reports.py",
    "tests/notebooks/elsewhere/test_script.py",
    "tests/endpoint/test_messages.py",
    "tests/running/test_run_selection.py",
    "tests/running/test_run_trouble.py",
    "notebooks/litellm.ipynb",
    "tests/recording/test_run_through_doors.py",
)
# They import all clients, or have processes that do, which takes ten seconds: one does it for all of a group.
TOGETHER = (
    (
        "tests/endpoint/test_messages.py",
        "tests/endpoint/test_deployments.py",
        "tests/endpoint/test_identity_clients.py",
        "tests/endpoint/test_stream_usage.py",
        "tests/endpoint/test_strict_script.py",
        "tests/endpoint/test_tools_clients.py",
        "tests/notebooks/clients/test_wire_parity.py",
    ),
    ("tests/snippets/test_snippets.py", "tests/notebooks/clients/test_exercises.py", "tests/upkeep/test_canaries.py"),
)


class _Balanced(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((group[0] for group in TOGETHER if file in group), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return (os.cpu_count() or 1) + 2  # tests often wait: for servers, browsers and kernels


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False
    return _Balanced(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["compiled"] = any(Path(__file__).parent.glob("*/__pycache__/test_*.pyc"))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """In a fresh clone one process reads the tests first, so that the others find them and their imports compiled."""
    worker = getattr(session.config, "workerinput", {"compiled": True})
    if worker["compiled"]:
        return (yield)
    place = session.config.rootpath / "build" / "tests-are-compiled"
    place.parent.mkdir(exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not place.exists():
            read = yield
            place.touch()
            return read
    return (yield)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of which no test would be chosen are not read: they import a browser, a site generator or a client."""
    if config.option.markexpr != "not all" or not collection_path.is_relative_to(config.rootpath):
        return None
    name = collection_path.relative_to(config.rootpath).as_posix() + "/" * collection_path.is_dir()
    return True if name in long_tests.LONG else None


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long_tests.mark(items)
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    return SLOWEST.index(file) if file in SLOWEST else len(SLOWEST)


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()  # thousands of tests and all that they imported are no garbage: never look through them again
