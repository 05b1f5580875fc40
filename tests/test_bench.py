"""The benchmark of the local endpoint: its page is the one made from its results, and tells nothing about a machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent / "bench"
RESULTS = BENCH / "results"


@pytest.fixture
def rendered(tmp_path: Path) -> str:
    """The page as `python tests/bench/endpoint.py --render` makes it from the kept results."""
    (tmp_path / "endpoint.json").write_bytes((RESULTS / "endpoint.json").read_bytes())
    command = [sys.executable, str(BENCH / "endpoint.py"), "--render", "--results", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    return (tmp_path / "endpoint.md").read_text(encoding="utf-8")


def test_the_page_is_current(rendered):
    assert rendered == (RESULTS / "endpoint.md").read_text(encoding="utf-8")


def test_every_target_has_its_verdict(rendered):
    said = (" PASS |", " **MISSED** |", " not measured |  |  |")
    assert len([line for line in rendered.splitlines() if line.endswith(said)]) == 7


def test_results_name_no_path_and_no_host(rendered):
    kept = json.loads((RESULTS / "endpoint.json").read_text(encoding="utf-8"))
    assert {"cpu", "cores", "system"} <= set(kept["machine"]) and kept["versions"]["Python"]
    for text in (rendered, json.dumps(kept)):
        assert not any(word in text for word in ("://", "/root", "/home", "/tmp", str(BENCH.parent.parent)))
