"""Files made from others: the lock and environment.yml from pyproject.toml, the README's table from the notebooks."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from mistral_on_azure.catalog.sections import CLIENTS, anchor, tasks
from mistral_on_azure.errors import CookbookError

GROUPS = ("test", "gallery", "tools")
_HEADER = "# Made from pyproject.toml by `make lock`; do not edit.\n"


def write(root: Path) -> None:
    """Resolve the newest allowed versions; write requirements.lock, with the hashes of all files, and environment.yml.

    Raises:
        CookbookError: when uv is not there or finds no versions that go together; it says why by itself.
    """
    groups = [word for group in GROUPS for word in ("--group", group)]
    command = ["uv", "pip", "compile", "pyproject.toml", *groups, "--universal", "--upgrade", "--generate-hashes"]
    quiet = [
        "--no-annotate",
        "--no-header",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--quiet",
        "--output-file",
        "requirements.lock",
    ]
    try:
        subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:], *quiet], cwd=root, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CookbookError("Nothing was locked. What uv says above tells why; without uv, run `make setup`.") from None
    lock = root / "requirements.lock"
    lock.write_text(_HEADER + lock.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "environment.yml").write_text(conda_environment(root), encoding="utf-8")


def conda_environment(root: Path) -> str:
    """The text of environment.yml: the oldest allowed Python and pip. What the lock pins is installed by postBuild.

    Binder takes one version, and reads a range as none. conda gives pip one file of requirements, in which pip allows
    no hashes beside an editable project, and no hashes for a part of what they depend on.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = next(each.version for each in SpecifierSet(project["requires-python"]) if each.operator == ">=")
    return f"""{_HEADER}# Binder runs postBuild after it; with conda: `conda activate {project["name"]}; sh postBuild`.
name: {project["name"]}
channels:
  - conda-forge
dependencies:
  - python={oldest}
  - pip
"""


_BEGIN, _END = "<!-- tasks: made by `make tables` -->", "<!-- end of tasks -->"


def task_table(folder: Path) -> str:
    """The table, as Markdown.

    Args:
        folder: where the notebooks are.
    """
    rows = [["Task", *CLIENTS.values()], ["---"] * (len(CLIENTS) + 1)]
    for task in tasks(folder):
        links = [f"[{name}](notebooks/{client}.ipynb#{anchor(task)})" for client, name in CLIENTS.items()]
        rows.append([task, *links])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_table(text: str, folder: Path) -> str:
    """A README's text with its table made anew."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{task_table(folder)}\n\n{_END}{after}"


def write_tables(root: Path) -> None:
    """Rebuild the table in README.md."""
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), root / "notebooks"), encoding="utf-8")
