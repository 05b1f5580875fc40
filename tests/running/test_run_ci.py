"""What CI systems get, and the files that tell them what to do."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.cli import main
from mistral_on_azure.running import record, reports
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.pool import Limits
from mistral_on_azure.running.record import Run
from mistral_on_azure.running.results import Result, Status

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "cookbook.yml").read_text(encoding="utf-8"))
NOX = runpy.run_path(str(ROOT / "noxfile.py"))
CLI = WORKFLOW["jobs"]["real-endpoint"]["env"]["AZURE_TOKEN_CREDENTIALS"]
AZURE = (ROOT / ".ci" / "azure-pipelines.md").read_text(encoding="utf-8")
PIPELINES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", AZURE, re.DOTALL)]


@pytest.fixture
def failed(tmp_path):
    job = Job(Path("notebooks/langchain.ipynb"), "d", tmp_path / "d" / "langchain.ipynb")
    result = Result(job, Status.FAILED, error="Error: 100% wrong, ::see [this]", source="x")
    run = Run([result], "local endpoint", Limits())
    reports.write_summary(tmp_path, run, {"openai": ("1", "2")})
    return run, tmp_path / record.SUMMARY


def test_azure_pipelines_gets_the_summary_and_the_failures(failed, monkeypatch, capsys):
    monkeypatch.setenv("TF_BUILD", "True")
    reports.show_in_ci(*failed)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"##vso[task.uploadsummary]{failed[1]}"
    assert second == (
        "##vso[task.logissue type=error;sourcepath=notebooks/langchain.ipynb]"
        "langchain on d: Error: 100% wrong, ::see [this]"
    )


def test_a_page_that_cannot_be_written_is_told_and_the_run_goes_on(failed, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/null/page.md")
    reports.show_in_ci(*failed)
    assert capsys.readouterr().err == "GITHUB_STEP_SUMMARY cannot be written (Not a directory): /dev/null/page.md\n"


def test_github_gets_an_annotation(failed, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    reports.show_in_ci(*failed)
    assert capsys.readouterr().out == (
        "::error file=notebooks/langchain.ipynb,title=langchain on d::Error: 100%25 wrong, ::see [this]\n"
    )


def test_elsewhere_nothing_is_printed(failed, monkeypatch, capsys):
    for name in ("TF_BUILD", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    reports.show_in_ci(*failed)
    assert capsys.readouterr().out == ""


def test_the_summary_lists_what_is_not_as_locked(failed):
    assert "| openai | 1 | 2 |" in failed[1].read_text(encoding="utf-8")


def commands() -> list[str]:
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    steps += [step for pipeline in PIPELINES for step in all_steps(pipeline)]
    scripts = [step.get("run") or step.get("script") or step.get("inputs", {}).get("inlineScript") for step in steps]
    return [line for script in scripts if script for line in script.splitlines()]


def all_steps(part: object) -> list[dict]:
    """The steps anywhere in a pipeline."""
    if isinstance(part, list):
        return [step for each in part for step in all_steps(each)]
    if not isinstance(part, dict):
        return []
    own = [part] if {"task", "script"} & set(part) else []
    return own + [step for value in part.values() for step in all_steps(value)]


def test_every_command_of_the_pipelines_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert sum("cookbook run" in line for line in commands()) >= 3
    assert sum("cookbook doctor" in line for line in commands()) >= 2
    for line in commands():
        for target in re.findall(r"\bmake (\w+)", line):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), line
        for command in re.findall(r"\bcookbook (\w+)", line):
            if main.commands[command].context_settings.get("ignore_unknown_options"):
                continue  # it hands them on, to pytest
            options = {option for each in main.commands[command].params for option in each.opts}
            assert set(re.findall(r"(?<=\s)--[a-z-]+|(?<=\+)--[a-z-]+", line)) <= options, line
    assert CliRunner().invoke(main, ["run", "--help"]).exit_code == 0


def test_the_key_goes_to_two_steps_only_and_never_to_a_pull_request():
    others = dict(WORKFLOW["jobs"])
    real = others.pop("real-endpoint")
    assert "pull_request" not in real["if"] and real["environment"] == "azure"
    run, doctor = (step for step in real["steps"] if "AZURE_INFERENCE_CREDENTIAL" in str(step.get("env")))
    assert "cookbook run" in run["run"] and "--max-tokens-total" in run["run"]
    assert "cookbook doctor" in doctor["run"] and doctor["if"].startswith("failure()")
    assert "secrets." not in str(others)
    assert WORKFLOW["permissions"] == {}  # each job says what it may do
    assert real["permissions"] == {"contents": "read", "id-token": "write"}
    assert all(job["permissions"] == {"contents": "read"} for job in others.values())
    for job in WORKFLOW["jobs"].values():
        (checkout,) = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert checkout["with"]["persist-credentials"] is False
        assert job["timeout-minutes"] and all("${{ inputs" not in step.get("run", "") for step in job["steps"])


def test_reports_are_kept_even_of_a_failure():
    for name, job in WORKFLOW["jobs"].items():
        kept = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        assert name in ("tests", "nightly", "container", "gallery", "models") or (
            len(kept) == 1 and "always()" in kept[0]["if"]
        )


def test_every_action_is_pinned_by_a_commit_with_its_version_beside_it():
    text = (ROOT / ".github" / "workflows" / "cookbook.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", text)
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)
    assert len(set(used)) == len({each.split("@")[0] for each in used})  # one version of each


def test_the_embedded_engine_is_installed_before_its_tests():
    for name, then in (("tests", ".ci/run"), ("nightly", "make test-all")):
        runs = [step["run"] for step in WORKFLOW["jobs"][name]["steps"] if "run" in step]
        assert runs[0].startswith("make engine") and runs[1] == then


def test_each_change_executes_and_verifies_the_recipes_too():
    """`make test` leaves them out, because they take minutes."""
    (run,) = [step["run"] for step in WORKFLOW["jobs"]["tests"]["steps"] if "notebooks/recipes" in step.get("run", "")]
    assert run.splitlines()[0] == "make group NAME=all" and "cookbook test --all" in run


def test_tests_know_no_variable_of_the_ci_they_run_in(tmp_path):
    """A test of tests: pytest's own process clears them, before anything that it starts can meet them."""
    names = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TF_BUILD", "CI", "BUILD_REASON")
    test = tmp_path / "test_it.py"
    test.write_text(f"import os\n\n\ndef test_it():\n    assert not set(os.environ) & set({names!r})\n")
    shutil.copy(ROOT / "tests" / "clean_environment.py", tmp_path)
    (tmp_path / "conftest.py").write_text("import clean_environment\n\nclean_environment.clear()\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path, test]
    variables = {**os.environ, **dict.fromkeys(names, "true")}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "clean_environment.clear()" in (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")


@pytest.fixture
def without_chromium(tmp_path) -> dict[str, str]:
    """The variables for a script that finds what it needs but a browser, and an apt-get that cannot install one."""
    for name in ("bash", "dirname", "id", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for name, status in (("apt-get", 100), ("sudo", 1), ("make", 0)):
        program = tmp_path / name
        program.write_text(f"#!{shutil.which('bash')}\necho {name} \"$@\" >> '{tmp_path}/called'\nexit {status}\n")
        program.chmod(0o755)
    return {"PATH": str(tmp_path)}


def test_without_chromium_ci_fails_and_does_not_skip(without_chromium, tmp_path):
    done = subprocess.run([ROOT / ".ci" / "run"], env=without_chromium, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "There is no Chromium" in done.stderr
    assert "make" not in (tmp_path / "called").read_text()


def test_with_chromium_ci_runs_the_tests(without_chromium, tmp_path):
    (tmp_path / "google-chrome").symlink_to(shutil.which("true"))  # what GitHub's machines have
    done = subprocess.run([ROOT / ".ci" / "run"], env=without_chromium, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, (tmp_path / "called").read_text()) == (0, "", "make test\n")


def step(name: str) -> dict:
    """A step of the job on the real endpoint."""
    return next(each for each in WORKFLOW["jobs"]["real-endpoint"]["steps"] if each.get("name", "").startswith(name))


@pytest.mark.parametrize("key", ["f" * 32, ""])
def test_the_doctor_says_why_on_the_jobs_page_and_tells_no_secret(local, tmp_path, key):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    page = tmp_path / "page.md"
    script = step("Let the doctor")
    values = {"GITHUB_STEP_SUMMARY": str(page), "AZURE_TOKEN_CREDENTIALS": CLI}
    values |= {ENDPOINT: f"{local.url}/score\n", CREDENTIAL: key, "DEPLOYMENT": ""}
    assert values.keys() >= script["env"].keys()
    bash = ["bash", "-e", "-c", script["run"]]  # as GitHub does
    done = subprocess.run(bash, cwd=tmp_path, env={**os.environ, **values}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = page.read_text(encoding="utf-8")
    assert told.startswith("## The doctor\n\n```text\nExamining ") and told.endswith("s.\n```\n")
    assert ("fails    access" in told) is bool(key) and ("with Microsoft Entra ID" in told) is (not key)
    assert "ends in /score" in told and "http://your-endpoint:" in told
    assert "127.0.0.1" not in told and "ffff" not in told


def test_entra_id_needs_no_secret_and_the_chain_finds_it_at_once(monkeypatch):
    from azure.identity import AzureCliCredential, DefaultAzureCredential

    real = WORKFLOW["jobs"]["real-endpoint"]
    places = [step("Set up"), step("Sign in"), step("Run on"), step("Let the doctor")]
    assert sorted(map(real["steps"].index, places)) == [*map(real["steps"].index, places)]
    assert real["permissions"]["id-token"] == "write"
    assert all(value.startswith("${{ vars.AZURE_") for value in step("Sign in")["with"].values())
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", CLI)
    assert [type(each) for each in DefaultAzureCredential().credentials] == [AzureCliCredential]


def test_the_newest_versions_tell_what_other_packages_hold_back():
    outdated = [
        {"name": "openai", "version": "2.54.0", "latest_version": "3.54.0"},
        {"name": "attrs", "version": "26.1.0", "latest_version": "27.2.12"},  # of others, not the project's own
    ]
    lines = NOX["held_back"](outdated)
    assert lines == ["Held back by other packages: openai 2.54.0; 3.54.0 is out."]


def test_newest_versions_that_do_not_go_together_are_told_on_the_jobs_page(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    said = "No solution found: openai needs that and litellm needs this.\n"
    assert NOX["conflict"](said).splitlines()[0] == said.strip()
    assert f"```text\n{said}```" in (tmp_path / "page.md").read_text(encoding="utf-8")
