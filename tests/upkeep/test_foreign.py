"""Other people's clients: the page is what was measured, and what was measured is still so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mistral_on_azure.upkeep import measurements

FOREIGN = Path(__file__).resolve().parents[1] / "foreign" / "foreign_clients.py"
sys.path.insert(0, str(FOREIGN.parent))
import foreign_clients  # noqa: E402

KEPT = json.loads((measurements.FOLDER / "foreign.json").read_text(encoding="utf-8"))
CHOICE = tomllib.loads((FOREIGN.parent / "foreign.toml").read_text(encoding="utf-8"))
MISTRALS_RULES = ("but must be a-z, A-Z, 0-9", "Unexpected role 'user' after role 'tool'")


def test_the_page_is_made_from_the_results(tmp_path):
    (tmp_path / "foreign.json").write_text(json.dumps(KEPT), encoding="utf-8")
    subprocess.run([sys.executable, FOREIGN, "--render", "--results", tmp_path], check=True, timeout=60)
    page = (measurements.FOLDER / "foreign.md").read_text(encoding="utf-8")
    assert (tmp_path / "foreign.md").read_text(encoding="utf-8") == page


def test_an_unknown_client_is_one_line():
    done = subprocess.run([sys.executable, FOREIGN, "LangChian"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("There is no client 'LangChian'. There are: LangChain")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("row", CHOICE["client"], ids=lambda row: row["name"])
def test_each_client_is_here_for_its_downloads_or_for_a_reason(row):
    count = row.get("downloads", {}).get("count", 0)
    assert (count >= CHOICE["figures"]["kept_from"]) != bool(row.get("kept")), row
    assert all("==" in package or package.count("@") in (1, 2) for package in row["packages"])


def test_the_page_shows_each_figure_and_its_day():
    page = (measurements.FOLDER / "foreign.md").read_text(encoding="utf-8")
    assert f"in the 30 days before {CHOICE['figures']['day']}" in page
    for row in CHOICE["client"]:
        figure = f"{row['downloads']['count']:,}" if "downloads" in row else row["kept"]
        assert f"| {row['name']} | {figure}" in page


@pytest.mark.parametrize(
    ("body", "found"),
    [("print('no end of line', end='')", {"one": ""}), ("raise ValueError('no')", {"one": "ValueError: no"})],
)
def test_what_a_program_prints_is_no_result(body, found, programs):
    programs.write_text(f"def one() -> None:\n    {body}\n", encoding="utf-8")
    assert foreign_clients._lines([sys.executable, programs.parent / "try_program.py", "program"], {}) == found


def test_a_program_that_breaks_off_has_no_results(programs):
    programs.write_text("import os\n\ndef one(): ...\n\ndef two():\n    os._exit(3)\n", encoding="utf-8")
    with pytest.raises(foreign_clients.Missing, match="did not come to its end"):
        foreign_clients._lines([sys.executable, programs.parent / "try_program.py", "program"], {})


@pytest.fixture
def programs(tmp_path):
    shutil.copy2(FOREIGN.parent / "programs" / "try_program.py", tmp_path)
    return tmp_path / "program.py"


@pytest.mark.parametrize("name", KEPT)
def test_all_that_is_refused_is_refused_by_mistrals_rules(name):
    """Whatever else one of them could not do would be a fault of the endpoint's."""
    for error in filter(None, KEPT[name]["tried"].values()):
        assert any(rule in error for rule in MISTRALS_RULES), error


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
