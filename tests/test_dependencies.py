"""One list of dependencies: pyproject.toml, the lock and environment.yml say the same."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mistral_on_azure.upkeep.generated import GROUPS, conda_environment


@pytest.fixture
def wanted(root) -> list[Requirement]:
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [line for group in GROUPS for line in document["dependency-groups"][group]]
    return [Requirement(line) for line in [*document["project"]["dependencies"], *groups]]


@pytest.fixture
def locked(root) -> dict[str, str]:
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .+)?", pin) for pin in pins)
    here = [pin for pin in map(Requirement, pins) if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in here}


def test_the_lock_holds_every_dependency_in_its_range(wanted, locked):
    for requirement in (each for each in wanted if each.marker is None or each.marker.evaluate()):
        pinned = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned, prereleases=True), f"{requirement} but {pinned}"


def test_what_is_installed_is_what_is_locked(wanted, locked):
    for requirement in wanted:
        if requirement.marker is None or requirement.marker.evaluate():
            assert version(requirement.name) == locked[canonicalize_name(requirement.name)]


def test_the_conda_environment_is_current(root):
    assert (root / "environment.yml").read_text(encoding="utf-8") == conda_environment(root)


def test_no_registry_is_named(root):
    for name in ("pyproject.toml", "requirements.lock", "environment.yml", "Makefile"):
        assert not re.search(r"index-url|https?://", (root / name).read_text(encoding="utf-8")), name


def test_every_place_names_the_same_versions_of_python(root):
    versions = runpy.run_path(str(root / "noxfile.py"))["ALLOWED"]
    span = f"{versions[0]} to {versions[-1]}"
    workflow = yaml.safe_load((root / ".github" / "workflows" / "cookbook.yml").read_text(encoding="utf-8"))
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert workflow["jobs"]["offline"]["strategy"]["matrix"]["python"] == versions
    assert " ".join(f"python{version}" for version in versions) in makefile and f"Python {span}" in makefile
    assert f"(3, {versions[0][2:]}) <= sys.version_info[:2] <= (3, {versions[-1][2:]})" in makefile
    assert f"Python {span}" in (root / "README.md").read_text(encoding="utf-8")


def test_a_python_that_is_not_allowed_is_refused(root):
    command = [sys.executable, "-m", "nox", "--session", "pythons", "--", "3.11", "3.10"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "python-3.11" not in done.stderr
    assert "pyproject.toml does not allow Python 3.10. It allows: 3.11, " in done.stderr
