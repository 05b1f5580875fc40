"""Generated files: the locks and environment.yml from pyproject.toml, the tables in pages from the catalog."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
from packaging.specifiers import SpecifierSet

from mistral_on_azure.catalog.clients import FIRST, clients
from mistral_on_azure.catalog.models import as_of, models
from mistral_on_azure.catalog.notebooks import START, Kind, Notebook, anchor, notebooks, tasks
from mistral_on_azure.catalog.rules import ENDING, SET_UP
from mistral_on_azure.catalog.selection import grouped, slug
from mistral_on_azure.endpoint.serving.request_parameters import PARAMETERS
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.starter import install_line
from mistral_on_azure.upkeep.markdown import table

EXTRAS, GROUPS = ("notebooks", "gallery"), ("test", "tools")  # the extras and groups in requirements.lock
SEPARATE = ("evaluation", "retrieval", "tracing", "batch", "langchain")  # groups with a lock of their own
LOCKS = Path("helpers", "mistral_on_azure", "upkeep", "locks")  # in the project
ROOM = 1_500  # bytes of the README's list of recipes, so that a new recipe does not make the page too long
_FRAME = (SET_UP, ENDING)  # sections that every recipe may have
_HEADER = "# Made from pyproject.toml by `make lock`; do not edit.\n"
_ALSO = "# What the group adds to requirements.lock. `make group NAME={name}` installs it.\n"


def write(root: Path) -> None:
    """Resolve the newest allowed versions; write the locks, with the hashes of all files, and environment.yml.

    The lock of a separate group has the packages that requirements.lock lacks. Its versions are compatible with the
    locks that are made before it.

    Raises:
        CookbookError: when uv is missing or finds no compatible versions; uv prints the reason.
    """
    lock = root / "requirements.lock"
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    _compile(root, lock, "pyproject.toml", *extras, *(word for group in GROUPS for word in ("--group", group)))
    made = [lock]
    for name in SEPARATE:
        own = root / LOCKS / f"{name}.lock"
        _compile(root, own, "--group", name, *(word for path in made for word in ("--constraint", path)))
        made.append(own)
    locked = set(_pins(lock))
    lock.write_text(_HEADER + "".join(_pins(lock)), encoding="utf-8")
    for name, own in zip(SEPARATE, made[1:], strict=True):
        added = "".join(pin for pin in _pins(own) if pin not in locked)
        own.write_text(_HEADER + _ALSO.format(name=name) + added, encoding="utf-8")
    (root / "environment.yml").write_text(conda_environment(root), encoding="utf-8")


def _compile(root: Path, output: Path, *wanted: object) -> None:
    """Pin the packages of `wanted`, and their dependencies, for every platform and Python that the project allows."""
    uv = Path(sys.executable).with_name("uv")
    quiet = ("--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet")
    command = [uv, "pip", "compile", *wanted, "--universal", "--upgrade", "--generate-hashes", *quiet]
    try:
        subprocess.run([*command, "--output-file", output], cwd=root, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CookbookError("Nothing was locked; see the error above. If uv is missing, run `make setup`.") from None


def _pins(lock: Path) -> list[str]:
    """The packages of a lock, each with all of its lines: the pin, and its hashes."""
    return re.findall(r"^[a-z].*\n(?: .*\n)*", lock.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)


def conda_environment(root: Path) -> str:
    """The text of environment.yml: the oldest allowed Python and pip. postBuild installs the lock's packages.

    The Python is one version, because Binder ignores a range. The packages are not listed, because conda gives pip one
    file of requirements, in which pip allows no hashes beside an editable project, nor for only some of the packages.
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
    rows = [["Task", *(client.name for client in known)]]
    for task in tasks(folder):
        links = [f"[{client.name}]({client.notebook}#{anchor(task)})" for client in known]
        rows.append([task, *links])
    return table(rows)


def client_table(_: Path) -> str:
    """The table for choosing a client, as Markdown: the client for new code first."""
    rows = [["Notebook", "Install", "Take it when"]]
    for client in sorted(clients().values(), key=lambda client: client.key != FIRST):
        rows.append([f"[{client.name}]({client.notebook})", f"`{install_line(client.imports)}`", client.reason])
    return table(rows)


def recipe_table(folder: Path) -> str:
    """A table of recipes for each group, as Markdown."""
    parts = []
    for group, recipes in grouped(notebooks(folder, Kind.RECIPE).values()).items():
        rows = [["Recipe", "What you learn, and its sections"], *map(_recipe_row, recipes)]
        parts.append(f"### {group}\n\n{table(rows)}")
    return "\n\n".join(parts)


def _recipe_row(recipe: Notebook) -> list[str]:
    path = f"{recipe.id}.ipynb"
    sections = [f"[{section}]({path}#{anchor(section)})" for section in recipe.sections if section not in _FRAME]
    folded = f"<details><summary>Sections</summary>{', '.join(sections)}</details>"
    return [f"[{recipe.title}]({path})", recipe.sidecar.about + folded]


def task_list(folder: Path) -> str:
    """The tasks in a line of Markdown, each linked to its section in the notebook of the client for new code."""
    return " ·\n".join(f"[{task}](notebooks/{FIRST}.ipynb#{anchor(task)})" for task in tasks(folder))


def recipe_list(folder: Path, most: int = ROOM) -> str:
    """The recipes by group as a list in Markdown, the first part of their titles.

    Args:
        most: bytes of the list. Where it would be longer, the longest groups end in a link to the rest of the group.
    """
    groups = {
        group: [f"[{re.split(': |, and ', each.title)[0]}](notebooks/{each.id}.ipynb)" for each in recipes]
        for group, recipes in grouped(notebooks(folder, Kind.RECIPE).values()).items()
    }
    shown = {group: len(links) for group, links in groups.items()}
    while len(text := "\n\n".join(_list_of(*each, shown[each[0]]) for each in groups.items()).encode()) > most:
        longest = max(shown, key=shown.__getitem__)
        if not shown[longest]:
            break
        shown[longest] -= 1
    return text.decode()


def _list_of(group: str, links: list[str], shown: int) -> str:
    rest = [f"[{len(links) - shown} more](notebooks/README.md#{slug(group)})"] * (shown < len(links))
    return f"*{group}*:\n" + " ·\n".join(links[:shown] + rest)


def model_list(_: Path) -> str:
    """The names of the models, as Markdown: a line for each group."""
    days = dict.fromkeys(str(row.maker[0].day) for row in models().values() if row.group == "open")
    sold, retired = (
        ", ".join(f"`{row.name}`" for row in models().values() if row.group == group)
        for group in ("sold today", "retired")
    )
    return f"""As of {as_of()}:

- **open, on managed compute**: the four of this cookbook. Mistral's own API retired them on {" or ".join(days)}.
- **sold today, per token**: {sold}. Mistral's own API has only the first two.
- **retired on Azure**: {retired}."""


_ABOUT_THE_CALL = ("messages", "model", "stream", "tools", "tool_choice")  # each has a section of its own
_LARGEST = 2**53  # limits beyond which are those of the format, not of the parameter
_KINDS = {"boolean": "true or false", "string": "a text", "array": "a list", "object": "an object"}


def parameter_table(_: Path) -> str:
    """The parameters that shape an answer, as the local endpoint checks them: the API's, then those that are extra."""
    rows = [["Parameter", "Values", "Extra", "What it does"]]
    for name, field in PARAMETERS.items():
        if name not in _ABOUT_THE_CALL:
            about = re.sub(r"\b(\w+_\w+|logprobs)\b", r"`\1`", str(field.meta.description))
            rows.append([f"`{name}`", allowed(field.schema), "yes" * field.extra, about])
    return table(rows)


def allowed(schema: dict[str, Any]) -> str:
    """The values that a JSON schema of a parameter allows, in words."""
    if options := schema.get("anyOf"):
        return " or ".join(allowed(option) for option in options)
    if schema["type"] not in ("number", "integer"):
        return _KINDS[schema["type"]]
    low, above, high = (schema.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    words = [f"from {low}" * (low is not None and low > -_LARGEST), f"above {above}" * (above is not None)]
    words.append(f"to {high}" * (high is not None and high < _LARGEST))
    return " ".join([{"number": "a number", "integer": "a whole number"}[schema["type"]], *filter(None, words)])


_GENERATED = {
    "models": model_list,
    "parameters": parameter_table,
    "tasks": task_table,
    "clients": client_table,
    "recipes": recipe_table,
    "task-list": task_list,
    "recipe-list": recipe_list,
}


def with_tables(text: str, folder: Path) -> str:
    """A page's text with its generated parts made anew, where the text has marks for them."""
    for name, make in _GENERATED.items():
        begin, end = (mark.format(name=name) for mark in _MARKS)
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n\n{make(folder)}\n\n{end}{rest.partition(end)[2]}"
    return text


def pages(root: Path) -> tuple[Path, ...]:
    """The pages with generated parts; Start here and the notebook of the client for new code are among them."""
    folder = root / "notebooks"
    return root / "README.md", folder / "README.md", folder / f"{START}.ipynb", folder / f"{FIRST}.ipynb"


def current(page: Path, folder: Path) -> str:
    """The text of a page or notebook, with its generated parts made anew."""
    if page.suffix == ".md":
        return with_tables(page.read_text(encoding="utf-8"), folder)
    document = nbformat.read(page, 4)
    for cell in document.cells:
        cell.source = with_tables(cell.source, folder) if cell.cell_type == "markdown" else cell.source
    return nbformat.writes(document) + "\n"


def write_tables(root: Path) -> None:
    """Rebuild the generated parts of all pages."""
    for page in pages(root):
        page.write_text(current(page, root / "notebooks"), encoding="utf-8")
