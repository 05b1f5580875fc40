"""Generated files: the lock and environment.yml from pyproject.toml, the README's tables from the notebooks."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.models import as_of, models
from mistral_on_azure.catalog.notebooks import Kind, anchor, notebooks, tasks
from mistral_on_azure.catalog.rules import ENDING, SET_UP
from mistral_on_azure.errors import CookbookError

GROUPS = ("test", "gallery", "tools")
_FRAME = (SET_UP, ENDING)  # sections that every recipe may have
_HEADER = "# Made from pyproject.toml by `make lock`; do not edit.\n"


def write(root: Path) -> None:
    """Resolve the newest allowed versions; write requirements.lock, with the hashes of all files, and environment.yml.

    Raises:
        CookbookError: when uv is missing or finds no compatible versions; uv prints the reason.
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


_MARKS = "<!-- {name}: made by `make tables` -->", "<!-- end of {name} -->"


def task_table(folder: Path) -> str:
    """The table of tasks and clients, as Markdown.

    Args:
        folder: where the notebooks are.
    """
    known = clients().values()
    rows = [["Task", *(client.name for client in known)], ["---"] * (len(known) + 1)]
    for task in tasks(folder):
        links = [f"[{client.name}](notebooks/{client.notebook}#{anchor(task)})" for client in known]
        rows.append([task, *links])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def recipe_table(folder: Path) -> str:
    """The table of recipes, as Markdown; without recipes, a sentence."""
    recipes = notebooks(folder, Kind.RECIPE).values()
    if not recipes:
        return "There is no recipe yet: `make recipe NAME=hello` begins one."
    rows = [["Recipe", "Sections"], ["---"] * 2]
    for recipe in recipes:
        path = f"notebooks/{recipe.path.relative_to(folder).as_posix()}"
        sections = [f"[{section}]({path}#{anchor(section)})" for section in recipe.sections if section not in _FRAME]
        rows.append([f"[{recipe.title}]({path})", ", ".join(sections)])
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)


def model_list() -> str:
    """Which models there are now, as Markdown: a line for each group."""
    of = {
        group: [row for row in models().values() if row.group == group] for group in ("open", "sold today", "retired")
    }
    maker = " or ".join(dict.fromkeys(str(row.maker[0].day) for row in of["open"]))
    instead = " or ".join(dict.fromkeys(f"`{row.successor[0].value}`" for row in of["retired"]))
    names = {group: ", ".join(f"`{row.name}`" for row in rows) for group, rows in of.items()}
    return "\n".join(
        (
            f"As of {as_of()}:\n",
            f"- **open, on managed compute**: the {_spelled(len(of['open']))} above. Mistral's own API retired them on "
            f"{maker}; no page names an end on Azure.",
            f"- **sold today, per token**: {names['sold today']}",
            f"- **retired on Azure**: {names['retired']}. Use {instead}.",
        )
    )


def _spelled(number: int) -> str:
    return {4: "four", 5: "five", 6: "six"}.get(number, str(number))


def with_table(text: str, folder: Path) -> str:
    """The README's text with new tables; a table without a place in the text is left out."""
    made = (("models", model_list()), ("tasks", task_table(folder)), ("recipes", recipe_table(folder)))
    for name, table in made:
        begin, end = (mark.format(name=name) for mark in _MARKS)
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    return text


def write_tables(root: Path) -> None:
    """Rebuild the tables in README.md."""
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), root / "notebooks"), encoding="utf-8")
