"""A starter: a comment, imports, constants, the connection and a section's cells, composed into one program.

Ruff sorts the imports and formats the program. Where ruff is not installed, the program has one import a line and the
cells' own formatting.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT, TOKEN_SCOPE
from mistral_on_azure.catalog.clients import clients, packages
from mistral_on_azure.catalog.notebooks import ENDING, Cell, Kind, Notebook, load, notebooks, tasks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.package_index import name_of
from mistral_on_azure.snippets.statements import Statement, needed, replaced, split

_MEANING = {
    ENDPOINT: "the endpoint's address, without /v1 or /score; on a Foundry resource with /models",
    OPENAI_ENDPOINT: "on a Foundry resource only: its address with /openai/v1",
    TOKEN_SCOPE: "on a Foundry resource only: https://ai.azure.com/.default",
    CREDENTIAL: "the endpoint's key",
}
_WIDE = 88  # columns, so that the gallery shows a program without a scroll bar
_installed = cache(packages_distributions)  # which packages have each module; it takes more than half a second
_NO_KEY = "No key: sign in with `az login`, or run it where a managed identity is."


def header(title: str, section: str, needs: str, code: str | Collection[str]) -> str:
    """The comment at the top of a program.

    Args:
        title: the notebook's title.
        section: the section's heading.
        needs: the line below the title, such as the install command.
        code: a script, or the texts in a program; the environment variables that are among them are explained.
    """
    variables = [name for name in _MEANING if name in code]
    lines = [f"{title}: {section}", needs]
    if variables:
        width, several = max(map(len, variables)), len(variables) > 1
        lines.append(f"Set {'these environment variables' if several else 'this environment variable'}:")
        for row in (f"  {name:{width}}  {_MEANING[name]}" for name in variables):
            lines += textwrap.wrap(row, _WIDE - len("# "), subsequent_indent=" " * (width + 4))
    lines += [_NO_KEY] * (bool(variables) and CREDENTIAL not in variables)
    return "\n".join(f"# {line}" for line in lines)


def install_line(modules: Iterable[str], assigned: Collection[str] = (), beside: Sequence[str] = ()) -> str:
    """The command that installs what a program imports: packages of clients.toml in its order, then others; or empty.

    Args:
        modules: dotted names, also of what is imported from a module: `openai`, `azure.identity.AzureCliCredential`.
        assigned: the names that the program assigns; some of them need an extra of a package.
        beside: the packages that a recipe needs besides those of the cookbook.

    Raises:
        CookbookError: for a module that no package is known for.
    """
    table, wanted, others = packages(), set(), set()
    for module in modules:
        found = {package for name, package in table.imports.items() if f"{module}.".startswith(f"{name}.")}
        wanted |= found
        if not found and module.partition(".")[0] not in sys.stdlib_module_names:
            others |= _others(module.partition(".")[0], beside)
    named = [each for each in dict.fromkeys(table.imports.values()) if each in wanted]
    named = [each for each in named if not table.brought_by.get(each, frozenset()) & wanted]
    words = [_with_extra(each, table.extras.get(each, {}), assigned) for each in named]
    words += sorted(each for each in others if name_of(each) not in map(name_of, words))
    quoted = [f'"{word}"' if re.search(r"[\[<>=]", word) else word for word in words]
    return " ".join(["pip", "install", *quoted]) if quoted else ""


def _others(module: str, beside: Sequence[str]) -> set[str]:
    """The packages that a module may come from, by the first of these rules that finds one.

    A package of the recipe has the module's name, or is installed and has the module; another installed package has
    it; a dependency of the cookbook has its name. Otherwise they are all packages of the recipe.

    Raises:
        CookbookError: when there is none.
    """
    installed = _installed().get(module, [])
    found = (
        {each for each in beside if _is_called(each, module)}
        or {each for each in beside if name_of(each) in installed}
        or set(installed[:1])
        or {name_of(each) for each in requires(_DISTRIBUTION) or () if _is_called(each, module)}
        or set(beside)
    )
    if not found:
        raise CookbookError(
            f"A snippet imports {module}: name its package in catalog/clients.toml, or beside its recipe."
        )
    return found


def _is_called(requirement: str, module: str) -> bool:
    """Whether a package and a module have the same name, apart from hyphens and capitals."""
    return name_of(requirement).lower().replace("-", "_") == module.lower()


def _with_extra(package: str, extras: dict[str, str], assigned: Collection[str]) -> str:
    return next((extras[name] for name in extras if name in assigned), package)


KEY, ENTRA_ID, FIRST_ANSWER = "Connect with a key", "Connect with Microsoft Entra ID", "Complete a chat"
_DISTRIBUTION = "mistral-azure-cookbook"
_BUILT_IN = {*dir(builtins), "__name__", "__file__"}
_FROM_ENVIRONMENT = "endpoint"  # a parameter that programs read from an environment variable
_LINE_LENGTH = 100  # as in the notebooks' cells
_TIMEOUT = 60  # seconds, of which ruff takes hundredths


def read(folder: Path, name: str) -> Notebook:
    """The notebook with an id."""
    return load(folder / f"{name}{ENDING}", folder)


def snippets(notebook: Notebook, section: str, shell: bool = False) -> list[Cell]:
    """The cells of a section that are tagged `snippet`, in Python or in bash."""
    return [cell for cell in notebook.snippets if cell.section == section and cell.is_shell is shell]


def sections(folder: Path) -> dict[str, list[str]]:
    """The sections with programs or scripts, by the notebook's id: the clients' tasks, then the recipes' sections."""
    recipes = notebooks(folder, Kind.RECIPE)
    return dict.fromkeys(clients(), tasks(folder)) | {name: _of_recipe(recipes[name]) for name in recipes}


def _of_recipe(recipe: Notebook) -> list[str]:
    return list(dict.fromkeys(cell.section for cell in recipe.snippets))


def starters(folder: Path, only: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """The programs of all sections, by the notebook's id and the section's heading.

    Args:
        folder: where the notebooks are.
        only: ids of notebooks; empty means all.
    """
    known = {
        name: [each for each in of if snippets(read(folder, name), each)]
        for name, of in sections(folder).items()
        if not only or name in only
    }
    # Composed in one thread: several that parse programs can trip Python 3.11 ("recursion depth mismatch").
    made = {name: {section: composed(folder, section, name) for section in of} for name, of in known.items()}
    with ThreadPoolExecutor() as pool:  # each thread waits for ruff
        return {name: dict(zip(of, pool.map(formatted, of.values()), strict=True)) for name, of in made.items()}


def starter(folder: Path, section: str, name: str) -> str:
    """The program of a section of the notebook with the id `name`, formatted.

    Raises:
        CookbookError: when the notebook's cells do not make a program.
    """
    return formatted(composed(folder, section, name))


def formatted(source: str) -> str:
    """A program with sorted imports, as `ruff format` writes it; unchanged where ruff is not installed or fails."""
    places = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    ruff = shutil.which("ruff", path=os.pathsep.join(places))
    if not ruff:
        return source
    sort = ["check", "--select=I", "--fix-only", "--no-cache", "--config=src = []"]  # no folder here is a package
    for command in (sort, ["format"]):
        command = [ruff, *command, "--isolated", "--quiet", f"--config=line-length = {_LINE_LENGTH}", "-"]
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=_TIMEOUT)
        source = done.stdout.decode() if done.returncode == 0 else source
    return source


def composed(folder: Path, section: str, name: str) -> str:
    """The program of a section, not yet formatted; see `starter`."""
    notebook = read(folder, name)
    before, task = _before(notebook, section), _task(notebook, section)
    if not task:
        raise CookbookError(f"{name}.ipynb, section {section!r} has no Python program: --shell prints its script.")
    imports, settings, late = _imports([*before, *task])
    lesson = _without(task, settings)
    program = [*needed(_without(before, settings), lesson, imports), *lesson]

    used = frozenset().union(*(one.needs for one in program))
    settings = settings if late & {_package(line) for bound, line in imports.items() if bound in used} else []
    used = used.union(*(one.needs for one in settings))
    imports = {bound: line for bound, line in imports.items() if bound in used}
    known = {each: parameter.assignment for each, parameter in notebook.parameters.items() if each != _FROM_ENVIRONMENT}
    made = frozenset().union(*(one.makes for one in program))
    if unknown := used - made - imports.keys() - known.keys() - _BUILT_IN:
        raise CookbookError(
            f"{name}.ipynb, section {section!r}: its snippet cells use what only other cells define: "
            f"{', '.join(sorted(unknown))}."
        )
    first, then = (
        [line for line in imports.values() if (_package(line) in late) is is_late] for is_late in (False, True)
    )
    parts = [
        "\n".join(sorted(first)),
        "\n".join([*(one.text for one in settings), *sorted(then)]),
        "\n".join(line for constant, line in known.items() if constant in used),
        "".join("\n" * (one.blank_lines + 1) + one.text for one in program).strip("\n"),
    ]
    code = "\n\n".join(part for part in parts if part)
    texts = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    install = install_line(map(_module, imports.values()), made, notebook.sidecar.packages)
    needs = f"Install: {install}" if install else "Needs nothing but Python."
    return f"{header(notebook.title, section, needs, texts)}\n\n{code}\n"


def _before(notebook: Notebook, section: str) -> list[list[Statement]]:
    """The cells before a section: in a recipe all of them, in a client's notebook those that connect."""
    if notebook.kind is Kind.RECIPE:
        sections = _of_recipe(notebook)
        return [cell for above in sections[: sections.index(section)] for cell in _split(notebook, above)]
    with_key = _split(notebook, KEY)
    if section != ENTRA_ID:
        return with_key
    with_token = _split(notebook, ENTRA_ID)
    new = [one for cell in with_token for one in cell if not one.imports]
    return [*(replaced(cell, new) for cell in with_key), *with_token]


def _task(notebook: Notebook, section: str) -> list[list[Statement]]:
    """The section's cells; for a client's section that only connects, the first chat completion, as a check."""
    connects = section in (KEY, ENTRA_ID) and notebook.kind is not Kind.RECIPE
    return _split(notebook, FIRST_ANSWER)[:1] if connects else _split(notebook, section)


def _split(notebook: Notebook, section: str) -> list[list[Statement]]:
    """The statements of each Python cell, in which the client has the same name everywhere.

    Files that cells write become part of the program, so imports of them are left out.
    """
    place = f"{notebook.id}{ENDING}, section {section!r}"
    written = {name.removesuffix(".py") for name in notebook.programs}
    sources: list[str] = []
    for cell in snippets(notebook, section):
        source = cell.code if cell.magic == "%%writefile" else cell.source
        if sources and re.match(r"\n*[ \t]", source):  # it goes on with the class of the cell above
            source = f"{sources.pop()}\n{source}"
        sources.append(source)
    cells = (split(re.sub(r"\bentra_client\b", "client", source), place) for source in sources)
    return [[one for one in cell if not one.is_docstring and not _imports_only(one, written)] for cell in cells]


def _imports_only(one: Statement, modules: Collection[str]) -> bool:
    return bool(one.imports) and all(_package(line) in modules for line in one.imports.values())


def _imports(cells: Iterable[Sequence[Statement]]) -> tuple[dict[str, str], list[Statement], set[str]]:
    """The imports of cells, and the settings that must stand before an import.

    Returns:
        The import statements, by the name that each binds; the settings, which a cell has between two imports; and the
        packages of the imports after them.
    """
    imports: dict[str, str] = {}
    settings: list[Statement] = []
    late: set[str] = set()
    for cell in cells:
        waiting: list[Statement] = []
        for one in cell:
            if one.imports and waiting:
                settings += waiting
                late |= set(map(_package, one.imports.values()))
                waiting = []
            imports |= one.imports
            if one.changes in imports:
                waiting.append(one)
    return imports, settings, late


def _package(line: str) -> str:
    """The first part of an imported module's name."""
    return _module(line).partition(".")[0]


def _module(line: str) -> str:
    """The dotted name that a statement imports: `a.b` for `import a.b`, `a.b.c` for `from a.b import c as d`."""
    return ".".join(line.partition(" as ")[0].removeprefix("from ").removeprefix("import ").split(" import "))


def _without(cells: Iterable[Sequence[Statement]], settings: Sequence[Statement]) -> list[Statement]:
    """The statements of cells, without imports and settings."""
    return [one for cell in cells for one in cell if not one.imports and one not in settings]
