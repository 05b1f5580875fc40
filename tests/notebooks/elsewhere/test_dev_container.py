"""The dev container: VS Code and GitHub's codespaces set the cookbook up by it."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from packaging.specifiers import SpecifierSet


@pytest.fixture
def container(root) -> dict:
    return json.loads((root / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


def test_its_python_is_one_that_make_looks_for_first(root, container):
    """Its image has its Python first on the PATH, before Debian's own, which comes without venv."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)-\w+", container["image"]).group(1)
    assert python in SpecifierSet(project["requires-python"])
    candidates = re.search(r"^CANDIDATES := .*\$\(PYTHON\) ([^)]+)\)", (root / "Makefile").read_text(), re.M).group(1)
    assert candidates.split()[0] == "python3"


def test_it_is_set_up_by_make(root, container):
    target = re.fullmatch(r"make ([a-z]+)", container["postCreateCommand"]).group(1)
    assert re.search(rf"^{target}:", (root / "Makefile").read_text(encoding="utf-8"), re.M)
    assert container["waitFor"] == "postCreateCommand"  # it opens when it is ready


def test_vs_code_has_what_notebooks_need(container):
    assert set(container["customizations"]["vscode"]["extensions"]) == {"ms-python.python", "ms-toolsai.jupyter"}


def test_the_kernel_is_the_environment_that_make_sets_up(root, container):
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert (root / interpreter.removeprefix("${containerWorkspaceFolder}/")).exists()


def test_it_opens_a_notebook_that_exists(root, container):
    assert all((root / name).exists() for name in container["customizations"]["codespaces"]["openFiles"])
