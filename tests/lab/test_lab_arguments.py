"""What `cookbook lab` takes: a mistake is one line, and kernels get nothing of the user's Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commanding import COOKBOOK
from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.lab import _environment, copied


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--prot=9000", "No such option '--prot'. Did you mean '--port'? See `cookbook lab --help`."),
        ("--port=nine", "'nine' is not a valid integer"),
        ("--port=99999", "99999 is not in the range"),
    ],
)
def test_a_mistake_is_one_line(given, said):
    done = subprocess.run([COOKBOOK, "lab", "--no-browser", given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_an_engine_and_a_real_endpoint_exclude_each_other():
    given = {**os.environ, ENDPOINT: "https://name.eastus2.inference.ml.azure.com"}
    for command in ("lab", "ask"):
        done = subprocess.run([COOKBOOK, command, "--engine=x"], env=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and f"{ENDPOINT} is set: leave out one of them" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_kernels_get_nothing_of_the_users_python_and_the_server_keeps_its_configuration(tmp_path, monkeypatch):
    for name in ("PYTHONSTARTUP", "PYTHONWARNINGS", "FORCE_COLOR", "MPLBACKEND", "IPYTHONDIR", "JUPYTER_CONFIG_PATH"):
        monkeypatch.setenv(name, "theirs")
    environment = _environment(tmp_path)
    assert {name for name, value in environment.items() if "theirs" in value} == {"JUPYTER_CONFIG_PATH"}
    assert environment["IPYTHONDIR"] == str(tmp_path / "build" / "lab" / "ipython")
    assert environment["JUPYTER_PATH"].split(os.pathsep)[0] == str(Path(sys.prefix, "share", "jupyter"))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    command = [COOKBOOK, "lab", "--no-browser", f"--folder={tmp_path / 'file' / 'mine'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert "(Not a directory). Choose another --folder." in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "theirs"
    (folder / "recipes").mkdir(parents=True)
    (folder / "start-here.ipynb").touch()
    return folder


@pytest.mark.parametrize("inside", ["", "recipes", "recipes/new"])
def test_the_notebooks_are_not_copied_into_themselves(notebooks, inside):
    """A copy in itself has a copy in itself, a thousand folders deep."""
    before = sorted(notebooks.rglob("*"))
    with pytest.raises(CookbookError, match="of the notebooks themselves"):
        copied(notebooks, notebooks / inside)
    assert sorted(notebooks.rglob("*")) == before


def test_a_copy_that_is_broken_off_leaves_nothing(notebooks, tmp_path):
    (notebooks / "recipes" / "gone.ipynb").symlink_to(tmp_path / "nowhere")
    for _ in range(2):  # what was left of the first would be taken for a whole copy
        with pytest.raises(CookbookError, match="gone"):
            copied(notebooks, tmp_path / "mine")
    assert not [*(tmp_path / "mine").iterdir()]
    (notebooks / "recipes" / "gone.ipynb").unlink()
    assert (copied(notebooks, tmp_path / "mine") / "notebooks" / "recipes").is_dir()


def test_a_folder_whose_name_is_too_long_is_one_line(notebooks, tmp_path):
    with pytest.raises(CookbookError, match="name too long"):
        copied(notebooks, tmp_path / ("x" * 300))
