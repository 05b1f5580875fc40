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

from mistral_on_azure.package_index import groups
from mistral_on_azure.setup_environment import NEWEST, OLDEST
from mistral_on_azure.upkeep.generated import EXTRAS, GROUPS, LOCKS, SEPARATE, conda_environment
from pinned import pins

# pip's format: a pin, then its hashes, each after a backslash and a line break.
PINNED = re.compile(r"([\w.-]+==[\w.+!-]+( ; [^\n\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n)+")


@pytest.fixture
def wanted(root) -> list[Requirement]:
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [line for group in GROUPS for line in document["dependency-groups"][group]]
    extras = [line for extra in EXTRAS for line in document["project"]["optional-dependencies"][extra]]
    wanted = map(Requirement, [*document["project"]["dependencies"], *extras, *groups])
    return [each for each in wanted if each.name != document["project"]["name"]]


@pytest.fixture
def locked(root) -> dict[str, str]:
    here = [pin for pin in pins(root) if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in here}


def test_the_lock_holds_every_dependency_in_its_range(wanted, locked):
    for requirement in (each for each in wanted if each.marker is None or each.marker.evaluate()):
        pinned = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned, prereleases=True), f"{requirement} but {pinned}"


def test_what_is_installed_is_what_is_locked(wanted, locked):
    for requirement in wanted:
        if requirement.marker is None or requirement.marker.evaluate():
            assert version(requirement.name) == locked[canonicalize_name(requirement.name)]


def test_every_package_of_the_lock_has_hashes(root):
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    _, _, body = text.partition("\n")
    assert PINNED.fullmatch(body)


def test_the_build_backend_is_locked(root, locked):
    """Set-up builds the project without isolation: with what the lock has installed."""
    build = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    for requirement in map(Requirement, build["requires"]):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])


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
    newest_first = " ".join(f"python{version}" for version in reversed(versions))
    assert f"python3 python {newest_first}" in makefile and f"Python {span}" in makefile
    assert [f"{major}.{minor}" for major, minor in (OLDEST, NEWEST)] == [versions[0], versions[-1]]
    assert f"(3, {versions[0][2:]}) <= sys.version_info[:2] <= (3, {versions[-1][2:]})" in makefile
    assert f"Python {span}" in (root / "README.md").read_text(encoding="utf-8")


def test_a_python_that_is_not_allowed_is_refused(root):
    command = [sys.executable, "-m", "nox", "--session", "pythons", "--", "3.11", "3.10"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "python-3.11" not in done.stderr
    assert "pyproject.toml does not allow Python 3.10. It allows: 3.11, " in done.stderr


@pytest.mark.parametrize("group", SEPARATE)
def test_a_group_has_a_lock_that_goes_with_the_others(root, group):
    """What is named twice is pinned to one version, so all groups can be installed together."""
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    everywhere = [pin for name in SEPARATE for pin in pins(root, LOCKS / f"{name}.lock")] + pins(root)
    own = {pin.name: pin.specifier for pin in pins(root, LOCKS / f"{group}.lock")}
    assert not [str(pin) for pin in everywhere if pin.specifier != own.get(pin.name, pin.specifier)]
    assert {canonicalize_name(Requirement(line).name) for line in document["dependency-groups"][group]} <= own.keys()
    assert PINNED.fullmatch((root / LOCKS / f"{group}.lock").read_text(encoding="utf-8").split("\n", 2)[2])
    assert group in groups()


def test_the_supported_platforms_are_those_that_the_workflow_tries(root):
    workflow = yaml.safe_load((root / ".github" / "workflows" / "cookbook.yml").read_text(encoding="utf-8"))
    page = (root / "helpers" / "mistral_on_azure" / "running" / "README.md").read_text(encoding="utf-8")
    table = page.partition("## Supported platforms")[2].partition("##")[0]
    known = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", table, re.M))
    (weekly,) = [platform for platform, what in known.items() if "once a week" in what]
    tried = workflow["jobs"]["platforms"]["strategy"]["matrix"]["system"]
    assert {"ubuntu-24.04-arm": "Linux on ARM", "macos-latest": "macOS on Apple silicon"}.keys() == set(tried)
    assert "Linux on ARM" in weekly and "macOS on Apple silicon" in weekly
    (without,) = [platform for platform, what in known.items() if what.startswith("no:")]
    assert all(name in without for name in ("macOS on Intel", "Windows on ARM", "Alpine"))
