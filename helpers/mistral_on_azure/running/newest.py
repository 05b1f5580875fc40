"""`python -m mistral_on_azure.running.newest`: the notebooks on the newest versions that are allowed.

It tells early what the next `make lock` would break. The environment is one of its own, in build/newest; the
summary lists every package that differs from the lock. Arguments go to `cookbook run`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import click
from packaging.requirements import Requirement

from mistral_on_azure.errors import INTERRUPTED, CookbookError
from mistral_on_azure.mistakes import one_line
from mistral_on_azure.running.pythons import uv, variables
from mistral_on_azure.setup_environment import BIN, ROOT

FOLDER = ROOT / "build" / "newest"


def main(arguments: Sequence[str]) -> None:
    """Install, tell what is not the newest there is, then become `cookbook run`.

    Raises:
        click.ClickException: for what `cookbook run` would refuse, before anything is installed.
    """
    check(arguments)
    environment = variables()
    made = FOLDER / "environment"
    print("Installing the newest allowed versions into build/newest/environment", flush=True)
    uv(environment, "venv", "--quiet", "--clear", "--python", sys.executable, made)
    python = made / BIN.name / Path(sys.executable).name
    uv(environment, "pip", "install", "--quiet", "--upgrade", "--python", python, "--editable", ROOT)
    outdated = uv(environment, "pip", "list", "--outdated", "--format", "json", "--python", python)
    for line in held_back(json.loads(outdated or "[]"), (ROOT / "pyproject.toml").read_text(encoding="utf-8")):
        print(line, flush=True)
    command = [str(python.with_name("cookbook")), "run", "--reports", str(FOLDER / "run"), *arguments]
    os.chdir(ROOT)
    os.execve(command[0], command, environment)


def check(arguments: Sequence[str]) -> None:
    """Refuse what `cookbook run` would refuse.

    Raises:
        click.ClickException: one line on the mistake.
    """
    from mistral_on_azure import (
        cli,  # as late as the command line imports, so that Ctrl-C finds us within the net below
    )
    from mistral_on_azure.running.command import plan
    from mistral_on_azure.running.run_options import from_command_line

    try:
        plan(from_command_line(ROOT, cli.run.make_context("cookbook run", list(arguments)).params))
    except click.UsageError as error:
        raise one_line(error, "cookbook run") from None
    except CookbookError as error:
        raise click.ClickException(str(error)) from None


def held_back(outdated: Sequence[dict[str, str]], pyproject: str) -> list[str]:
    """A line for each of the project's own dependencies that the other packages keep from its newest release.

    Args:
        outdated: as `uv pip list --outdated --format json` tells it.
    """
    own = {Requirement(line).name for line in tomllib.loads(pyproject)["project"]["dependencies"]}
    held = [(each["name"], each["version"], each["latest_version"]) for each in outdated if each["name"] in own]
    return [f"Held back by other packages: {name} {here}; {latest} is out." for name, here, latest in held]


def told(said: str) -> str:
    """What uv says of versions that do not go together, as a line and, on GitHub, on the job's page, too."""
    line = "The newest allowed versions cannot be installed together."
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(f"## Cookbook: failed\n\n{line}\n\n```text\n{said.strip()}\n```\n")
    return f"{said.strip()}\n{line}"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as ended:  # after --help
        sys.exit(ended.exit_code)
    except subprocess.CalledProcessError as error:
        sys.exit(told(error.stderr))
    except FileNotFoundError:
        sys.exit("There is no environment to install from yet. Run `make setup` first.")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
