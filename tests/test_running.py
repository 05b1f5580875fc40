"""Every notebook executed with papermill on two deployments, with canary keys that must show up nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.deployments import deployments
from helpers.running import runner
from helpers.running.jobs import Job, plan
from helpers.starting import new_key

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
FIRST, *_, LAST = deployments()


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> tuple[dict[tuple[str, str], runner.Running], list[str]]:
    """All results by notebook and deployment, and the keys that were used."""
    folder = tmp_path_factory.mktemp("run")
    made: list[str] = []

    def canary() -> str:
        made.append("canary" + new_key()[6:])
        return made[-1]

    jobs = plan(ROOT / "notebooks", [], [FIRST, LAST], {}, folder)
    patch = pytest.MonkeyPatch()
    patch.setattr(runner, "new_key", canary)
    try:
        results = runner.run(jobs, runner.Limits(), folder / "durations.json", lambda _: None)
    finally:
        patch.undo()
    return {(result.job.name, result.job.deployment): result for result in results}, made


@pytest.mark.parametrize("deployment", [FIRST, LAST])
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(executed, name, deployment):
    results, _ = executed
    result = results[name, deployment]
    assert result.passed, f"{result.ended.error}\n{result.ended.source}"


@pytest.mark.parametrize("name", NAMES)
def test_the_model_parameter_changes_what_is_called(executed, name):
    results, _ = executed
    printed = results[name, LAST].job.output.read_text(encoding="utf-8")
    notebook = nbformat.reads(printed, 4)
    outputs = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert f"serving {LAST}" in outputs
    assert f"'{LAST}'" in outputs or f'"{LAST}"' in outputs or f": {LAST}" in outputs


def test_no_canary_in_any_executed_notebook(executed):
    results, keys = executed
    assert len(keys) == len(results)
    for result in results.values():
        text = result.job.output.read_text(encoding="utf-8")
        assert not any(key in text for key in keys)
        assert "Bearer ey" not in text and '"eyJ' not in text


def test_a_failing_notebook_is_told_and_the_others_go_on(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("answer = 41", id="a"),
            nbformat.v4.new_code_cell("assert answer == 42", id="b"),
        ]
    )
    good = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('fine')", id="a")])
    nbformat.write(notebook, tmp_path / "bad.ipynb")
    nbformat.write(good, tmp_path / "good.ipynb")
    jobs = [Job(tmp_path / f"{name}.ipynb", FIRST, tmp_path / "out" / f"{name}.ipynb") for name in ("bad", "good")]
    bad, fine = runner.run(jobs, runner.Limits(workers=1), tmp_path / "durations.json", lambda _: None)
    assert fine.passed and not bad.passed
    assert bad.ended.source == "assert answer == 42" and bad.ended.error.startswith("AssertionError")
    assert bad.job.output.exists()


def test_a_notebook_over_its_time_is_ended(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time; time.sleep(60)", id="a")])
    nbformat.write(notebook, tmp_path / "slow.ipynb")
    job = Job(tmp_path / "slow.ipynb", FIRST, tmp_path / "out" / "slow.ipynb")
    (slow,) = runner.run([job], runner.Limits(notebook=4), tmp_path / "durations.json", lambda _: None)
    assert "within 4 s" in slow.ended.error and slow.seconds < 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["openai-sd"], "Did you mean 'openai-sdk'?"),
        (["openai-sdk", "-p", "temperature", "hot"], "temperature must be a number, not 'hot'"),
        (["openai-sdk", "-p", "heat", "1"], "has no parameter 'heat'"),
    ],
)
def test_mistakes_on_the_command_line_get_one_line(arguments, said):
    command = [Path(sys.executable).with_name("cookbook"), "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.returncode == 1
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1
