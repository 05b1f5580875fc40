"""The notebooks on other people's servers: what is kept of it is current, and a real engine passes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.children import stop
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.catalog.clients import FIRST
from mistral_on_azure.catalog.notebooks import START, notebooks
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.upkeep import measurements

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ROOT / "tests" / "engines"
RESULTS = measurements.FOLDER
KEPT = json.loads((RESULTS / "engines.json").read_text(encoding="utf-8"))


def test_the_page_is_current(tmp_path):
    (tmp_path / "engines.json").write_bytes((RESULTS / "engines.json").read_bytes())
    command = [sys.executable, str(ENGINES / "measure.py"), "--render", "--results", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "engines.md").read_text(encoding="utf-8") == (RESULTS / "engines.md").read_text(encoding="utf-8")


def test_every_notebook_passed_on_an_engine_nobody_here_wrote():
    measured = {job["notebook"] for job in KEPT["llama.cpp"]["notebooks"]}  # what was added since is not among them
    assert {START, "your-endpoint", FIRST} <= measured <= {*notebooks(ROOT / "notebooks")}
    assert {job["status"] for job in KEPT["llama.cpp"]["notebooks"]} == {"passed"}
    assert all(job["calls"] > 0 for job in KEPT["llama.cpp"]["notebooks"])


def test_results_name_no_path_and_no_host():
    text = json.dumps(KEPT)
    assert not any(word in text for word in ("127.0.0.1", "/root", "/home", "/tmp", "site-packages", str(ROOT)))


def test_a_notebook_goes_on_to_its_end_whatever_fails(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ENGINES)
    from measure import errors_by_section

    cell, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    first = cell("count: int = 1", metadata={"tags": ["parameters"]})
    cells = [first, text("## One"), cell("1 / 0"), cell("nowhere"), text("## Two"), cell("assert count == 2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    errors = errors_by_section(tmp_path / "n.ipynb", {"count": 2})
    assert errors == {"Set up": "", "One": "ZeroDivisionError: division by zero", "Two": ""}


@pytest.mark.timeout(600)
@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded engine is not installed (make engine)")
def test_a_notebook_passes_on_llama_cpp_itself(tmp_path):
    """Its own HTTP server, with nothing of ours in between: `--direct` gives the notebook its address and key."""
    key = new_key()
    process, url = embedded.start(key)
    try:
        command = [Path(sys.executable).with_name("cookbook"), "run", "openai-sdk", "--direct", "--reports", tmp_path]
        settings = ["-p", "max_tokens", "16", "-p", "timeout", "120", "--cell-timeout", "400"]
        real = {**os.environ, ENDPOINT: url, CREDENTIAL: key}
        done = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=500, env=real)
    finally:
        stop(process)
    assert done.returncode == 0, done.stdout + done.stderr
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert embedded.LABEL in written and key not in written
