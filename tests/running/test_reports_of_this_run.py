"""Reports are of this run, also when nothing ran; CI systems can take them, and a full disk leaves them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as xml

import nbformat
import pytest

from commanding import COOKBOOK, Cookbook
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.running import record
from mistral_on_azure.running import reports as writing
from mistral_on_azure.running.history import History
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.pool import Limits
from mistral_on_azure.running.record import Run
from mistral_on_azure.running.results import Result, Status

WRONG = "w" * 32
LONG = "x = '" + "y" * 2_000_000 + "'\nassert False"


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Cookbook:
    """A folder with the reports of a run that passed."""
    cookbook = Cookbook(tmp_path_factory.mktemp("before"))
    cookbook.write("a", "1 + 1")
    assert cookbook.run().returncode == 0 and "passed" in reports(cookbook)["summary.md"]
    return cookbook


def reports(cookbook: Cookbook) -> dict[str, str]:
    return {name: (cookbook.reports / name).read_text() for name in ("summary.md", "junit.xml", "results.json")}


def check_nothing_ran(cookbook: Cookbook, why: str) -> None:
    found = reports(cookbook)
    assert found["summary.md"].startswith("## Cookbook: failed") and "| passed |" not in found["summary.md"]
    assert why in found["summary.md"].replace("\\", "") and why in found["junit.xml"]
    results = json.loads(found["results.json"])
    assert not results["passed"] and why in results["stopped"]
    assert all(job["status"] == "not run" for job in results["jobs"])
    suites = xml.fromstring(found["junit.xml"])
    assert int(suites.get("errors")) == int(suites.get("tests")) >= 1 and suites.find(".//testcase/error") is not None
    assert WRONG not in "".join(found.values())


def test_a_dead_host_and_a_wrong_key(before, own_endpoint):
    dead = {ENDPOINT: "http://127.0.0.1:9", CREDENTIAL: WRONG}
    done = before.run(**dead)
    assert done.returncode == 1
    check_nothing_ran(before, "Nothing answers at http://127.0.0.1:9")
    done = before.run(**{ENDPOINT: own_endpoint.url, CREDENTIAL: WRONG})
    assert done.returncode == 1
    check_nothing_ran(before, f"refused the credential in {CREDENTIAL}")


@pytest.mark.parametrize(
    ("arguments", "variables", "why"),
    [
        (["b"], {}, "There is no notebook 'b'"),
        (["-p", "nothing", "1"], {}, "nothing"),
        (["-d", "nowhere"], {}, "The local endpoint has no deployment 'nowhere'"),
        ([], {ENDPOINT: "no address", CREDENTIAL: WRONG}, ENDPOINT),
        ([], {CREDENTIAL: WRONG}, f"{CREDENTIAL} is set but {ENDPOINT} is not"),
    ],
)
def test_what_stopped_it_is_in_every_report(before, arguments, variables, why):
    done = before.run(*arguments, **variables)
    assert done.returncode == 1 and why in done.stderr and len(done.stderr.strip().splitlines()) == 1
    check_nothing_ran(before, why)


def test_a_damaged_notebook_stops_it_and_what_passed_can_be_resumed(cookbook):
    cookbook.write("a", "1 + 1")
    assert cookbook.run().returncode == 0
    (cookbook.notebooks / "b.ipynb").write_text("{")
    assert cookbook.run("--resume").returncode == 1 and "b.ipynb is not a notebook" in cookbook.results["stopped"]
    assert "b.ipynb is not a notebook" in reports(cookbook)["summary.md"].replace("\\", "")
    (cookbook.notebooks / "b.ipynb").unlink()
    done = cookbook.run("--resume")
    assert done.returncode == 0 and "1 of 1 passed (1 in an earlier run)" in done.stdout
    (cookbook.notebooks / "b.ipynb").write_text("{")
    assert cookbook.run().returncode == 1
    check_nothing_ran(cookbook, "b.ipynb is not a notebook")


def test_a_large_cell_fits_and_odd_notebooks_run(cookbook):
    cookbook.write("long", LONG)
    odd = cookbook.write("odd", "1 + 1")
    notebook = json.loads(odd.read_text())
    notebook["metadata"]["tags"] = notebook["cells"][1]["metadata"]["tags"] = None
    odd.write_text(json.dumps(notebook))
    (cookbook.notebooks / "._x.ipynb").write_bytes(b"\0\5\x16\7")
    done = cookbook.run(GITHUB_ACTIONS="true")
    assert cookbook.status == {"long": "failed", "odd": "passed"}
    assert all(len(text) < 50_000 for text in (*reports(cookbook).values(), done.stdout))
    assert cookbook.jobs["long"]["cell_source"].endswith("\n# … 2,000,019 characters in all")
    assert f"::error file={(cookbook.notebooks / 'long.ipynb').as_posix()},title=long on " in done.stdout


def many(folder: Path, count: int) -> Run:
    jobs = [Job(folder / f"n{i}.ipynb", "d", folder / f"{i}.ipynb") for i in range(count)]
    return Run([Result(job, Status.FAILED, error="E: " + "x" * 390, source="y" * 4000) for job in jobs], "e", Limits())


def test_a_page_of_many_failures_is_one_that_github_takes(tmp_path, monkeypatch, capsys):
    run, page = many(tmp_path, 400), tmp_path / "page.md"
    page.write_text("z" * 500_000 + "\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    writing.write_summary(tmp_path, run, {})
    writing.show_in_ci(run, tmp_path / record.SUMMARY)
    assert page.stat().st_size < 1 << 20
    text = page.read_text()
    assert "The rest is cut off" in text and text.count("```") % 2 == 0
    errors = capsys.readouterr().out.splitlines()
    assert len(errors) == 10 and errors[-1].endswith("391 more failed; the summary has all of them")


def test_annotations_name_the_file_in_the_checkout(tmp_path, monkeypatch, capsys):
    (tmp_path / "work, 1").mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    writing.show_in_ci(many(tmp_path / "work, 1", 1), tmp_path / record.SUMMARY)
    assert capsys.readouterr().out.startswith("::error file=work%2C 1/n0.ipynb,title=n0 on d::")


@pytest.mark.skipif(sys.platform == "win32", reason="bytes as arguments are of POSIX")
def test_a_parameter_that_is_no_text_is_one_line(cookbook):
    cookbook.write("a", "1 + 1")
    command = [*map(os.fsencode, cookbook.command("-p", "prompt")), b"\xff\xfe"]
    done = subprocess.run(command, capture_output=True, timeout=250)
    assert (done.returncode, done.stderr) == (1, b"Error: The parameter 'prompt' is not UTF-8.\n")


@pytest.mark.parametrize("number", ["1e999", "nan", "-inf"])
def test_a_number_that_json_has_not_is_one_line(cookbook, number):
    notebook = nbformat.read(cookbook.write("a", "1 + 1"), 4)
    notebook.cells[0].source += "temperature: float = 0.0  # how wild\n"
    nbformat.write(notebook, cookbook.notebooks / "a.ipynb")
    done = cookbook.run("-p", "temperature", number)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "temperature" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are closed by a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_change_nothing(cookbook, closed):
    cookbook.write("a", "print(1)", "import subprocess; subprocess.run(['echo', 'hello'])")
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *cookbook.command()], capture_output=True, timeout=250)
    assert (done.returncode, done.stderr) == (0, b"") and cookbook.status == {"a": "passed"}


needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-rm", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0,
    reason="no file systems of one's own here",
)


@needs_mounts
def test_on_a_full_disk_the_reason_is_one_line_and_no_file_is_empty(cookbook):
    cookbook.write("a", "print('x' * 2_000_000)", "1 / 0")
    cookbook.reports.mkdir()
    script = (
        f'mount -t tmpfs -o size=64k none "{cookbook.reports}" && "$@"\ns=$?; cd "{cookbook.reports}"; wc -c *; exit $s'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *cookbook.command()], capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    sizes = {line.split()[1]: int(line.split()[0]) for line in done.stdout.splitlines() if line.strip()[:1].isdigit()}
    assert sizes["junit.xml"] > 0 and sizes["results.json"] > 0 and sizes["summary.md"] > 0


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no read-only folders as POSIX has them")
def test_a_dry_run_needs_no_folder_that_can_be_written(cookbook):
    cookbook.write("a", "1 + 1")
    nowhere = ["--reports", "/proc/cookbook"]
    command = [str(COOKBOOK), "run", "--notebooks", str(cookbook.notebooks), *nowhere, "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0 and done.stderr == "" and default_name() in done.stdout


ROWS = [{"jobs": 1}, {"jobs": [1, {}, {"status": "passed"}]}, {"jobs": [{"calls": "x"}]}]


@pytest.mark.parametrize("damage", [None, [], *ROWS])
def test_damaged_reports_of_an_earlier_run_count_for_nothing(tmp_path, damage):
    (tmp_path / record.FILE).write_text(json.dumps({"version": record.VERSION, **damage} if damage else damage))
    assert record.earlier(tmp_path) == []


@pytest.mark.parametrize("row", [1, [], {"seconds": "x"}, {"seconds": 1, "calls": 1}, {"calls": 1}])
def test_a_damaged_history_is_an_empty_one(tmp_path, row):
    (tmp_path / "history.json").write_text(json.dumps({"a": {"d": row}, "b": row}))
    history, job = History(tmp_path / "history.json"), Job(tmp_path / "a.ipynb", "d", tmp_path / "o")
    assert history.seconds(job) == float("inf") and history.usage(job) is None
