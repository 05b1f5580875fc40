"""Notebooks in trouble, all in one run: each is told for what it is, and the good one passes."""

from __future__ import annotations

import json

import pytest

from commanding import Cookbook
from marking import Marked
from mistral_on_azure.azure.deployments import default_name

KEY = "__import__('os').environ['AZURE_INFERENCE_CREDENTIAL']"
CHILD = "child = __import__('subprocess').Popen(['sleep', '100'])"


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    cookbook = Cookbook(tmp_path_factory.mktemp("trouble"))
    cookbook.write("dying", f"import os\n{CHILD}\nos.kill(os.getpid(), 9)")
    cookbook.write("leaky", f"print({KEY})", "1 + 1")
    cookbook.write("parent", CHILD)
    cookbook.write("raising", f"raise ValueError({KEY})")
    cookbook.write("slow-cell", "1 + 1", "import time\ntime.sleep(60)")
    run = Marked(cookbook.command("--cell-timeout", "8"))
    output, _ = run.process.communicate(timeout=250)
    assert run.all_gone(within=60), run.alive()
    return cookbook, output


def test_only_what_is_good_passes(trouble):
    cookbook, _ = trouble
    assert [name for name, status in cookbook.status.items() if status == "passed"] == ["parent"]


@pytest.mark.parametrize(
    ("name", "error", "source"),
    [
        ("dying", "The kernel died: it crashed, was killed or ran out of memory.", f"import os\n{CHILD}\nos.kill"),
        ("slow-cell", "The cell did not end within 8 s (--cell-timeout).", "import time\ntime.sleep(60)"),
        ("raising", "ValueError: ***", "raise ValueError"),
        ("leaky", "A credential was in this notebook's output. It is masked in the executed notebook.", ""),
    ],
)
def test_what_went_wrong_is_told_with_the_cell(trouble, name, error, source):
    cookbook, output = trouble
    job = cookbook.jobs[name]
    assert job["error"] == error and job["cell_source"].startswith(source)
    assert error in output.splitlines() and f"Executed notebook: {cookbook.reports / job['output']}" in output


def test_a_notebook_over_its_time_is_ended_and_what_it_did_is_kept(cookbook):
    cookbook.write("slow", "print('here')", *["import time; time.sleep(2.5)"] * 20)
    run = Marked(cookbook.command("--notebook-timeout", "20"))
    output, _ = run.process.communicate(timeout=250)
    assert run.process.returncode == 1 and run.all_gone(within=60), run.alive()
    assert "The notebook did not end within 20 s (--notebook-timeout)." in output.splitlines()
    assert cookbook.jobs["slow"]["cell_source"] == "import time; time.sleep(2.5)"
    assert "here" in (cookbook.reports / default_name() / "slow.ipynb").read_text(encoding="utf-8")


def test_credentials_are_masked_in_executed_notebooks(trouble):
    cookbook, _ = trouble
    leaky = json.loads((cookbook.reports / default_name() / "leaky.ipynb").read_text(encoding="utf-8"))
    assert leaky["cells"][2]["outputs"][0]["text"] == ["***\n"]
    raising = (cookbook.reports / default_name() / "raising.ipynb").read_text(encoding="utf-8")
    assert '"evalue": "***"' in raising


def test_a_temporary_folder_with_a_long_path_will_do(cookbook, tmp_path):
    """A socket's path has 107 bytes at most, on macOS 103."""
    temporary = tmp_path / ("x" * 94)
    temporary.mkdir()
    cookbook.write("fine", "1 + 1")
    done = cookbook.run(TMPDIR=str(temporary))
    assert done.returncode == 0, done.stdout + done.stderr
