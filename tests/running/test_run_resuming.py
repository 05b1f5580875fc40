"""What undoes `--resume`, in a copy of the package: what an outcome depends on does, what is beside it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commanding import Cookbook
from mistral_on_azure.running.history import code, fingerprint
from mistral_on_azure.running.jobs import Job


class Copy(Cookbook):
    """`cookbook run` from a copy of the package, in which a file can be changed."""

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder)
        self.root = folder / "checkout"
        shutil.copytree(root / "helpers", self.root / "helpers")
        shutil.copy(root / "requirements.lock", self.root)
        self.environment = {**os.environ, "PYTHONPATH": str(self.root / "helpers")}

    def resumes(self) -> bool:
        """Run again; whether what passed before counts as passed."""
        module = [sys.executable, "-m", "mistral_on_azure.cli"]
        arguments = self.command("--resume")[1:]
        done = subprocess.run([*module, *arguments], capture_output=True, text=True, timeout=120, env=self.environment)
        assert not done.returncode, done.stdout + done.stderr
        return self.jobs["a"]["resumed"]

    def change(self, path: str) -> None:
        """Append a line break to a file of the package."""
        with (self.root / "helpers" / "mistral_on_azure" / path).open("a", encoding="utf-8") as file:
            file.write("\n")


@pytest.fixture
def copy(tmp_path, root) -> Copy:
    copy = Copy(tmp_path, root)
    copy.write("a", "import mistral_on_azure\nprint(mistral_on_azure.__file__)")
    return copy


APART = ("upkeep/measurements/clients.json", "upkeep/faults/faults_table.py", "gallery/__init__.py", "doctor/report.py")
TAKES_PART = ("endpoint/models/script.toml", "notebook/streams.py", "azure/deployments.toml", "running/worker.py")


def test_what_no_outcome_depends_on_does_not_undo_resume_and_the_script_does(copy):
    assert not copy.resumes()
    assert str(copy.root) in (copy.reports / copy.jobs["a"]["output"]).read_text(encoding="utf-8")
    for path in APART:
        copy.change(path)
    assert copy.resumes()
    copy.change("endpoint/models/script.toml")
    assert not copy.resumes()


DATA = {  # beside a recipe that reads the first three, and a program of the fourth
    "bookings.csv": "when\n12:00\n",
    "texts/one.txt": "one",
    "reading.toml": '[[exchange]]\nprompt = "x"\nanswers = ["y"]\n',
    "other.ipynb": "",
}


def test_data_beside_a_notebook_counts_if_the_notebook_names_it(cookbook):
    naming = 'print("bookings.csv", "texts", "pipe", recipe_programs("other"))'
    job = Job(cookbook.write("recipes/reading", naming), "x", cookbook.reports)
    folder = job.notebook.parent
    (folder / "texts").mkdir()
    for name, text in DATA.items():
        (folder / name).write_text(text, encoding="utf-8")
    cookbook.write("recipes/other", "1")
    os.mkfifo(folder / "pipe")  # which nobody writes into
    seen = [fingerprint(job, "x", "")]
    for name in ("bookings.csv", "texts/one.txt", "reading.toml"):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        seen.append(fingerprint(job, "x", ""))
    cookbook.write("recipes/other", "2")
    seen.append(fingerprint(job, "x", ""))
    assert len(set(seen)) == 5
    (folder / "unread.csv").write_text("new", encoding="utf-8")
    cookbook.write("recipes/unread", "3")
    assert fingerprint(job, "x", "") == seen[-1]


@pytest.mark.parametrize("path", [*APART, *TAKES_PART])
def test_a_file_counts_if_an_outcome_depends_on_it(copy, path):
    before = code(copy.root)
    copy.change(path)
    assert (code(copy.root) != before) is (path in TAKES_PART)
