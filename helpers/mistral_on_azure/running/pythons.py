"""`python -m mistral_on_azure.running.pythons`: the notebooks and fast tests on each Python that is allowed.

Each version that is installed here gets an environment of its own in build/pythons, with the packages of the lock.
Arguments choose versions: `3.12 3.13`.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet

from mistral_on_azure.setup_environment import BIN, LOCK, PYTHON, ROOT, pip_settings


def variables() -> dict[str, str]:
    """The environment variables for uv and for what it installs: they keep the byte code that they compile."""
    environment = {**os.environ, **pip_settings()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def uv(environment: dict[str, str], *command: object) -> str:
    """What uv says, run in the project's folder, where it finds what pyproject.toml overrides.

    Raises:
        CalledProcessError: with what it says, when it fails.
        FileNotFoundError: when it is not installed.
    """
    words = [str(part) for part in (BIN / "uv", *command)]
    return subprocess.run(words, check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout


FOLDER = ROOT / "build" / "pythons"
TESTS = ("tests/endpoint", "tests/recording", "tests/running", "tests/test_snippets.py", "tests/test_bad_input.py")
_NEWEST_MINOR = 30  # of Python 3; more than there will be for a while


def main(arguments: Sequence[str]) -> int:
    """Try the versions, one after the other; the exit status is 0 if at least one was there and none failed."""
    wanted = arguments or allowed()
    if unknown := [version for version in wanted if version not in allowed()]:
        print(f"pyproject.toml does not allow Python {unknown[0]}. It allows: {', '.join(allowed())}.", file=sys.stderr)
        return 1
    said = {version: _try(version) for version in wanted}
    for version, outcome in said.items():
        print(f"Python {version}: {outcome}")
    return 0 if "passed" in said.values() and not any("failed" in outcome for outcome in said.values()) else 1


def allowed() -> list[str]:
    """The versions of Python that `requires-python` allows, as `3.11`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    specifiers = SpecifierSet(project["requires-python"])
    return [f"3.{minor}" for minor in range(_NEWEST_MINOR) if specifiers.contains(f"3.{minor}.99")]


def find(version: str) -> str | None:
    """An interpreter of a version: on the PATH, or one that pyenv has installed."""
    pyenv = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    on_path = shutil.which(f"python{version}")
    for candidate in (on_path, *sorted(glob.glob(f"{pyenv}/versions/{version}.*/bin/python"))):
        if candidate and _is(candidate, version):
            return candidate
    return None


def _is(python: str, version: str) -> bool:
    """Whether it works and is of the version: pyenv puts commands on the PATH that only say what is missing."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and done.stdout.strip() == version


def _try(version: str) -> str:
    found = find(version)
    if found is None:
        return "not installed here"
    environment = variables()
    made = FOLDER / version
    python = made / BIN.name / PYTHON.name
    print(f"Python {version}: installing into {made.relative_to(ROOT)}", flush=True)
    try:
        uv(environment, "venv", "--quiet", "--clear", "--python", found, made)
        uv(environment, "pip", "sync", "--quiet", "--python", python, LOCK)
        uv(environment, "pip", "install", "--quiet", "--no-deps", "--python", python, "--editable", ROOT)
        for command in _commands(python, made):
            subprocess.run(command, check=True, env=environment, cwd=ROOT)
    except subprocess.CalledProcessError as error:
        print(error.stderr or "", end="", flush=True)
        return f"failed at {' '.join(Path(word).name for word in map(str, error.cmd[:3]))}"
    return "passed"


def _commands(python: Path, made: Path) -> Iterator[list[str]]:
    yield [str(python.with_name("cookbook")), "run", "--reports", str(made / "run")]
    yield [str(python.with_name("cookbook")), "test", "--numprocesses=auto", "--dist=loadfile", "--quiet", *TESTS]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
