"""Binder builds the environment from environment.yml and postBuild at the root, and opens start-here."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pinned import pins

_FILES_BINDER_PREFERS = ("binder", ".binder", "Dockerfile", "requirements.txt", "runtime.txt", "setup.py")
_LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


@pytest.fixture
def environment(root) -> dict:
    return yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))


def test_nothing_else_is_read_instead(root):
    assert not [name for name in _FILES_BINDER_PREFERS if (root / name).exists()]


def test_packages_are_those_of_the_lock(root, environment):
    assert environment["dependencies"][1:] == ["pip"]
    script = root / "postBuild"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text(encoding="utf-8").splitlines() if " pip install " in line]
    assert len(commands) == 2 and all(" --no-deps " in each for each in commands)
    assert "--require-hashes" in commands[0] and commands[0].endswith("--requirement requirements.lock")
    assert "--no-build-isolation" in commands[1] and commands[1].endswith("--editable .")


def test_python_is_one_that_the_cookbook_runs_on(root, environment):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = re.fullmatch(r"python=(3\.\d+)", environment["dependencies"][0]).group(1)  # one; a range is read as none
    assert version in SpecifierSet(project["requires-python"])


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_the_lock_is_whole_on_linux(root, python):
    """What is installed here says what it needs there: that Python, and other packages, which the lock has."""
    there = {**_LINUX, "python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    locked, left_out = _lock(root, there), _left_out(root)
    wrong = []
    for distribution in distributions():
        name = canonicalize_name(distribution.name)
        if name in locked and locked[name] == distribution.version:
            if f"{python}.0" not in SpecifierSet(distribution.metadata.get("Requires-Python", "")):
                wrong.append(f"{name} does not run on Python {python}")
            needed = [Requirement(line) for line in distribution.requires or []]
            wrong += [f"{name} needs {each}" for each in needed if _missing(each, there, locked, left_out)]
    assert wrong == []


def _lock(root, there: dict[str, str]) -> dict[str, str]:
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins(root)
        if pin.marker is None or pin.marker.evaluate(there)
    }


def _left_out(root) -> set[str]:
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return {canonicalize_name(Requirement(line).name) for line in tools["uv"]["override-dependencies"]}


def _missing(needed: Requirement, there: dict[str, str], locked: dict[str, str], left_out: set[str]) -> bool:
    name = canonicalize_name(needed.name)
    if name in left_out or (needed.marker and not needed.marker.evaluate(there)):
        return False
    return name not in locked or not needed.specifier.contains(locked[name], prereleases=True)


def test_the_address_on_the_page_opens_a_notebook_that_exists(root):
    readme = (root / "helpers/mistral_on_azure/running/README.md").read_text(encoding="utf-8")
    (opened,) = re.findall(r"https://mybinder\.org/v2/gh/\S+?\?urlpath=lab/tree/([^`\s)]+)", readme)
    assert (root / opened).exists()
