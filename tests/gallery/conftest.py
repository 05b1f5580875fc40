"""The built site, made once for all processes of a test run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser

from browsing import chromium
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.gallery.build import work_folder
from mistral_on_azure.gallery.runs import Programs, Runs, runs
from mistral_on_azure.snippets.starter import starters

ROOT = Path(__file__).resolve().parents[2]
_SITE = ROOT / "build" / "gallery-tests"
_BUILD = 900  # seconds: on two busy cores it takes minutes


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site. Runs of starters that are still current are kept from one test run to the next."""
    base = tmp_path_factory.getbasetemp()
    built = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "gallery-is-built"
    _SITE.parent.mkdir(exist_ok=True)
    with FileLock(f"{_SITE}.lock"):
        if not built.exists():
            command = [Path(sys.executable).with_name("cookbook"), "gallery", "--output", _SITE]
            built.write_text("It was not built in time.", encoding="utf-8")  # nobody else begins it again
            done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD)
            built.write_text("" if done.returncode == 0 else done.stdout + done.stderr, encoding="utf-8")
    assert not (said := built.read_text(encoding="utf-8")), said
    return _SITE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the site, and those of other processes with it."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_BUILD + 100))


@pytest.fixture(scope="session")
def programs() -> Programs:
    return starters(ROOT / "notebooks", only=clients())


@pytest.fixture(scope="session")
def kept_runs(site: Path, programs: Programs) -> Runs:
    """The runs that the site shows."""
    return runs(programs, work_folder(site) / "runs.json")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
