"""Every notebook executed with papermill on two deployments, with canary keys that must show up nowhere."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog.notebooks import Kind, notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.running import targets
from mistral_on_azure.running.history import History
from mistral_on_azure.running.jobs import plan
from mistral_on_azure.running.pool import Limits, run
from mistral_on_azure.running.results import Result
from selected import asked

ROOT = Path(__file__).resolve().parents[2]
ALL = notebooks(ROOT / "notebooks")
RECIPES = [pytest.param(name, marks=pytest.mark.all) for name, each in ALL.items() if each.kind is Kind.RECIPE]
SHARING = [name for name, notebook in ALL.items() if notebook.kind in (Kind.GUIDE, Kind.CLIENT)]
OWN_ENDPOINT = ("recipes/a-million-prompts",)  # which is asked all but the first call
SOON = ("start-here", "mistralai")  # nbval executes all of them on the default deployment
SHARED = [pytest.param(name, marks=() if name in SOON else pytest.mark.all) for name in SHARING]
FIRST, *_, LAST = deployments()


@pytest.fixture(scope="module")
def executed(tmp_path_factory, request) -> tuple[dict[tuple[str, str], Result], list[str]]:
    """The results by notebook and deployment of those that a test of this run looks at, and the keys that were used."""
    folder = tmp_path_factory.mktemp("run")
    chosen = asked(request, "deployment") or [LAST]
    jobs = plan(ROOT / "notebooks", Selection(asked(request, "name")), chosen, {}, folder)
    results = [Result(job) for job in jobs]
    patch = pytest.MonkeyPatch()
    patch.setattr(targets, "new_key", lambda: "canary" + new_key()[6:])
    try:
        with targets.local(len(jobs)) as target:
            run(results, Limits(), target, History(folder / "history.json"), lambda _: None)
    finally:
        patch.undo()
    return {(result.job.name, result.job.deployment): result for result in results}, list(target.secrets)


@pytest.mark.parametrize("deployment", [pytest.param(FIRST, marks=pytest.mark.all), LAST])
@pytest.mark.parametrize("name", [*SHARED, *RECIPES])
def test_notebook_runs(executed, name, deployment):
    results, _ = executed
    result = results[name, deployment]
    assert result.passed, f"{result.error}\n{result.source}"
    assert result.usage.calls > (name not in OWN_ENDPOINT) and result.usage.exact
    assert result.usage.tokens > 91 or name not in SHARING


def test_what_has_not_the_parameter_is_skipped(tmp_path):
    given = {"temperature": "0"}
    missing = {job.name: job.missing for job in plan(ROOT / "notebooks", Selection(), [LAST], given, tmp_path)}
    skipped = {name for name, why in missing.items() if why and ALL[name].kind is not Kind.RECIPE}
    assert skipped == {name for name, notebook in ALL.items() if notebook.kind is Kind.OTHER_LANGUAGE}
    assert "no parameter 'temperature'" in missing["beyond-python/curl"]


@pytest.mark.parametrize("name", SHARED)
def test_the_model_parameter_changes_what_is_called(executed, name):
    results, _ = executed
    printed = results[name, LAST].job.output.read_text(encoding="utf-8")
    notebook = nbformat.reads(printed, 4)
    outputs = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert f"serving {LAST}" in outputs
    assert f"'{LAST}'" in outputs or f'"{LAST}"' in outputs or f": {LAST}" in outputs


def test_no_canary_in_any_executed_notebook(executed):
    results, keys = executed
    assert len(keys) == len(results) and all(key.startswith("canary") for key in keys)
    for result in (each for each in results.values() if not each.skipped):
        text = result.job.output.read_text(encoding="utf-8")
        assert not any(key in text for key in keys)
        assert "Bearer ey" not in text and '"eyJ' not in text
