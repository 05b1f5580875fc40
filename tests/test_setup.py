"""Setting up: help, a clear word for a wrong Python, nothing done twice, an interrupted set-up taken up again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=200, env={**clean, **environment}
    )


def test_make_alone_lists_the_targets():
    listed = make().stdout
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {"setup", "run", "test", "lab"} <= set(targets)
    for target in targets:
        assert len(re.findall(rf"^  make {target} +\S.*$", listed, re.M)) == 1


@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_a_wrong_python_gets_one_line(python):
    done = make("setup", f"PYTHON={python}")
    assert done.returncode != 0
    assert "No Python 3.11 to 3.14 found" in done.stderr.splitlines()[0]


def test_a_second_set_up_does_nothing():
    stamp = ROOT / ".venv" / "set-up"
    before = stamp.stat().st_mtime_ns
    done = make("setup")
    assert done.returncode == 0 and done.stdout == "" and stamp.stat().st_mtime_ns == before


def test_an_interrupted_set_up_is_taken_up_again(world, tmp_path):
    """A copy with one small package in its lock, so that the whole way is short."""
    project = tmp_path / "a folder with spaces"
    (project / "helpers" / "mistral_on_azure").mkdir(parents=True)
    for name in (
        "Makefile",
        "pyproject.toml",
        "helpers/mistral_on_azure/setup_environment.py",
        "helpers/mistral_on_azure/__init__.py",
        "LICENSE",
    ):
        shutil.copy(ROOT / name, project / name)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    (project / "requirements.lock").write_text("\n".join(line for line in lock if line.startswith(("uv==", "idna=="))))
    (project / ".venv" / "bin").mkdir(parents=True)  # what an interruption early on leaves behind

    first = make("setup", folder=project)
    assert first.returncode == 0, first.stderr
    assert "making it again" in first.stdout
    stamp = project / ".venv" / "set-up"
    assert stamp.exists() and (project / ".venv" / "bin" / "cookbook").exists()

    stamp.unlink()  # what an interruption late leaves behind
    (project / ".venv" / "bin" / "cookbook").unlink()
    second = make("setup", folder=project)
    assert second.returncode == 0, second.stderr
    assert (project / ".venv" / "bin" / "cookbook").exists()
    assert make("setup", folder=project).stdout == ""
