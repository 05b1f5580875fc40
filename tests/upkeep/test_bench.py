"""The benchmarks: each page is the one made from its results, and tells nothing about a machine."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mistral_on_azure.upkeep import measurements

BENCH = Path(__file__).resolve().parents[1] / "bench"
SCRIPTS = {"endpoint": "endpoint_speed.py", "notebooks": "notebook_speed.py", "doubles": "double_speed.py"}
RESULTS = measurements.FOLDER


@pytest.fixture(params=SCRIPTS)
def name(request: pytest.FixtureRequest) -> str:
    """A benchmark whose results are kept with a page."""
    return request.param


@pytest.fixture
def rendered(name: str, tmp_path: Path) -> str:
    """The page as `--render` makes it from the kept results."""
    (tmp_path / f"{name}.json").write_bytes((RESULTS / f"{name}.json").read_bytes())
    command = [sys.executable, str(BENCH / SCRIPTS[name]), "--render", "--results", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    return (tmp_path / f"{name}.md").read_text(encoding="utf-8")


def test_the_page_is_current(name, rendered):
    assert rendered == (RESULTS / f"{name}.md").read_text(encoding="utf-8")


def test_every_target_has_its_verdict(name, rendered):
    said = (" PASS |", " **MISSED** |", " not measured |  |  |")
    targets = {"endpoint": 7, "notebooks": 5, "doubles": 0}
    assert len([line for line in rendered.splitlines() if line.endswith(said)]) == targets[name]


def test_results_name_no_path_and_no_host(name, rendered):
    kept = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert {"cpu", "cores", "system"} <= set(kept["machine"]) and kept["versions"]["Python"]
    for text in (rendered, json.dumps(kept)):
        assert not any(word in text for word in ("://", "/root", "/home", "/tmp", str(BENCH.parent.parent)))


def test_the_clients_were_measured_in_the_versions_that_are_pinned():
    """The gallery tells the reader what each client costs; `make bench-clients` measures that again."""
    measured = json.loads((RESULTS / "clients.json").read_text(encoding="utf-8"))["versions"]
    del measured["Python"]
    assert measured == {name: metadata.version(name) for name in measured}


def test_each_way_to_run_a_batch_was_measured_as_often():
    """The recipe on a million prompts shows them; `make bench-batch` measures that again."""
    kept = json.loads((RESULTS / "batch.json").read_text(encoding="utf-8"))
    assert list(kept["ways"]) == ["one process", "two processes", "Ray, two actors"]
    for runs in kept["ways"].values():
        assert set(runs) == {"first", "rate", "memory"}
        assert all(len(values) == kept["repeats"] and min(values) > 0 for values in runs.values())
    assert {"cpu", "cores", "system"} == set(kept["machine"]) and kept["versions"]["ray"]
