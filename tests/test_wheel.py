"""The wheel in a fresh environment and an empty folder: each command works, or says in one line what it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from environments import UV, environment
from mistral_on_azure.azure.addresses import CREDENTIAL

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.all, pytest.mark.timeout(600)]
NEEDS_THE_REPOSITORY = ("lab", "test", "snippet", "snippets", "gallery", "recipe hello", "tables", "lock", "faults")


@pytest.fixture(scope="module")
def command() -> Path:
    """The `cookbook` of the wheel, in an environment with what the wheel depends on and no more."""
    folder = ROOT / "build" / "wheel"
    build = [UV, "build", "--wheel", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder, ROOT], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    python = environment(folder / "env", [wheel.resolve()])
    again = ["pip", "install", "--quiet", "--offline", "--no-deps", "--reinstall-package", "mistral-azure-cookbook"]
    subprocess.run([UV, *again, "--python", python, wheel], check=True, timeout=120)  # the same version, other code
    return python.with_name("cookbook")


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path) -> None:
    """No process finds this checkout."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cookbook(command):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120)

    return run


def test_the_package_is_the_wheels(command, tmp_path):
    where = "import mistral_on_azure; print(mistral_on_azure.__file__)"
    done = subprocess.run([command.with_name("python"), "-c", where], capture_output=True, text=True)
    assert "site-packages" in done.stdout, done.stderr


def test_the_endpoint_serves_and_the_doctor_examines_it(command, cookbook, tmp_path):
    served = subprocess.Popen([command, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        lines = [served.stdout.readline() for _ in range(3)]
        key = re.search(rf"{CREDENTIAL}=(\S+)", "".join(lines))[1]
        url = re.search(r"http://\S+", "".join(lines))[0]
        done = subprocess.run(
            [command, "doctor", "--endpoint", url],
            cwd=tmp_path, env={**os.environ, CREDENTIAL: key},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0 and "Nothing fails." in done.stdout, done.stdout + done.stderr
    finally:
        served.terminate()
        served.wait(10)
    done = cookbook("doctor", "--json")
    assert done.returncode == 0 and json.loads(done.stdout), done.stderr


def test_what_needs_no_notebook_works(cookbook, tmp_path):
    assert json.loads(cookbook("openapi").stdout)["openapi"].startswith("3.")
    assert json.loads(cookbook("models", "--json").stdout)
    (tmp_path / "leak.txt").write_text("password = 'correct-horse-battery'  # pragma: allowlist secret\n")
    assert cookbook("secrets", "leak.txt").stdout == "No credential in 1 file.\n"
    assert cookbook("--help").returncode == 0


@pytest.mark.parametrize("said", [*NEEDS_THE_REPOSITORY, "run", "run openai-sdk", "secrets"])
def test_what_needs_the_repository_says_so_in_one_line(cookbook, said, tmp_path):
    done = cookbook(*said.split())
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stdout + done.stderr
    assert ("needs a checkout" if said != "secrets" else "name the files") in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_notebooks_of_the_working_folder_are_executed(cookbook, tmp_path):
    (tmp_path / "notebooks").mkdir()
    text = (ROOT / "notebooks" / "webrequests.ipynb").read_text(encoding="utf-8")
    (tmp_path / "notebooks" / "webrequests.ipynb").write_text(text, encoding="utf-8")
    done = cookbook("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "build" / "run" / "results.json").exists()
