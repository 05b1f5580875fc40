"""The notebooks in environments beside .venv: `make newest` and `make pythons`. Nox keeps these in build/nox."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path

import click
import nox
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mistral_on_azure import cli
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.mistakes import one_line
from mistral_on_azure.package_index import ROOT, pip_settings
from mistral_on_azure.running.plans import from_command_line
from mistral_on_azure.running.run_command import plan

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.envdir = "build/nox"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = []
# Pythons that pyenv has installed are tried too, whether or not it has them switched on.
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, sorted(PYENV.glob("versions/*/bin")))])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ALLOWED = [f"3.{minor}" for minor in range(30) if SpecifierSet(PROJECT["requires-python"]).contains(f"3.{minor}.99")]
FAST = ("tests/endpoint", "tests/recording", "tests/running", "tests/snippets/test_snippets.py", "tests/notebook")
PATIENT = {"interrupt_timeout": 60.0}  # seconds after Ctrl-C, in which `cookbook run` writes its reports


@nox.session(python=False)
def newest(session: nox.Session) -> None:
    """Execute the notebooks on the newest allowed versions; arguments go to `cookbook run`, and are checked first."""
    try:
        plan(from_command_line(ROOT, cli.run.make_context("cookbook run", [*session.posargs]).params))
    except click.exceptions.Exit:  # after --help
        return
    except click.UsageError as error:
        session.error(one_line(error, "cookbook run").message.rstrip("."))
    except CookbookError as error:
        session.error(str(error).rstrip("."))
    session.notify("upgraded")


@nox.session
def upgraded(session: nox.Session) -> None:
    """Install the newest allowed versions, name what is not the newest release, and execute the notebooks."""
    _set_up(session)
    log = Path(session.create_tmp()) / "install.txt"
    try:
        with log.open("w") as file:
            session.install("--upgrade", "--editable", ".[notebooks]", silent=False, stdout=file)
    except nox.command.CommandFailed:
        session.error(conflict(log.read_text(encoding="utf-8")))
    listing = ("uv", "pip", "list", "--outdated", "--format", "json")
    for line in held_back(json.loads(session.run(*listing, silent=True, stderr=subprocess.DEVNULL))):
        session.warn(line)
    session.run("cookbook", "run", "--reports", "build/newest/run", *session.posargs, **PATIENT)


@nox.session(python=False)
def pythons(session: nox.Session) -> None:
    """Execute the notebooks and the fast tests on each allowed Python; arguments choose versions, as 3.12 3.13."""
    for version in session.posargs:
        if version not in ALLOWED:
            session.error(f"pyproject.toml does not allow Python {version}. It allows: {', '.join(ALLOWED)}")
    for version in session.posargs or ALLOWED:
        session.notify(f"python-{version}", [])


@nox.session(python=ALLOWED)
def python(session: nox.Session) -> None:
    """Execute the notebooks and the fast tests with the packages of the lock."""
    _set_up(session)
    session.install("--requirement", "requirements.lock", "--no-deps", "--editable", ".")
    session.run("cookbook", "run", "--reports", f"build/pythons/{session.python}/run", **PATIENT)
    session.run("cookbook", "test", "--numprocesses=auto", "--dist=loadfile", "--quiet", *FAST, **PATIENT)


def _set_up(session: nox.Session) -> None:
    session.env.update(pip_settings())  # the package index that pip is configured with, for uv
    session.env["PYTHONDONTWRITEBYTECODE"] = None


def held_back(outdated: list[dict[str, str]]) -> list[str]:
    """A line for each of the project's own dependencies that another package keeps from its newest release.

    Args:
        outdated: the rows that `uv pip list --outdated --format json` prints.
    """
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notebooks"]]
    own = {Requirement(line).name for line in lines}
    held = [(each["name"], each["version"], each["latest_version"]) for each in outdated if each["name"] in own]
    return [f"Held back by other packages: {name} {here}; {latest} is out." for name, here, latest in held]


def conflict(reason: str) -> str:
    """The message for versions that cannot be installed together. On GitHub, the job's page shows it too."""
    line = "The newest allowed versions cannot be installed together."
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(f"## Cookbook: failed\n\n{line}\n\n```text\n{reason.strip()}\n```\n")
    return f"{reason.strip()}\n{line}"
