"""Other people's clients: the page is what was measured, and what was measured is still so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mistral_on_azure.upkeep import measurements

FOREIGN = Path(__file__).resolve().parents[1] / "foreign" / "foreign_clients.py"
KEPT = json.loads((measurements.FOLDER / "foreign.json").read_text(encoding="utf-8"))


def test_the_page_is_made_from_the_results(tmp_path):
    (tmp_path / "foreign.json").write_text(json.dumps(KEPT), encoding="utf-8")
    subprocess.run([sys.executable, FOREIGN, "--render", "--results", tmp_path], check=True, timeout=60)
    page = (measurements.FOLDER / "foreign.md").read_text(encoding="utf-8")
    assert (tmp_path / "foreign.md").read_text(encoding="utf-8") == page


def test_an_unknown_client_is_one_line():
    done = subprocess.run([sys.executable, FOREIGN, "LangChian"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("There is no client 'LangChian'. There are: LangChain")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", KEPT)
def test_all_that_is_refused_is_a_tool_id_of_another_service(name):
    """Whatever else one of them could not do would be a fault of the endpoint's."""
    assert all("but must be a-z, A-Z, 0-9" in error for error in KEPT[name]["tried"].values() if error)


@pytest.mark.all
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KEPT)
def test_the_clients_still_do_what_is_kept(name, tmp_path):
    done = subprocess.run(
        [sys.executable, FOREIGN, name, "--results", tmp_path], capture_output=True, text=True, timeout=840
    )
    if "registry reachable" in done.stdout or "needs Node.js" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "foreign.json").read_text(encoding="utf-8"))[name]
    assert found["packages"] == KEPT[name]["packages"]
    assert found["tried"] == KEPT[name]["tried"]
