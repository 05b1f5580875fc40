"""The imports of a program: gathered from its cells, put in order, and the packages that they take."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mistral_on_azure.catalog import clients
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.statements import Statement


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name.

    Attributes:
        module: the module as written.
        name: what is taken from it; empty for `import module`.
        alias: the name after `as`, if there is one.
    """

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name it has in the program."""
        return self.alias or self.name or self.package

    @property
    def package(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]

    @property
    def dotted(self) -> str:
        """The module and the name in it, which may be a module as well."""
        return f"{self.module}.{self.name}" if self.name else self.module


def imported(node: ast.stmt) -> list[Import]:
    """What a statement imports; nothing for any other statement."""
    match node:
        case ast.Import(names=names):
            return [Import(alias.name, "", alias.asname or "") for alias in names]
        case ast.ImportFrom(module=module, names=names):
            return [Import(module or "", alias.name, alias.asname or "") for alias in names]
    return []


def rendered(imports: Iterable[Import]) -> str:
    """Import statements: the standard library, then the rest, each sorted."""
    distinct = set(imports)
    standard = {one for one in distinct if one.package in sys.stdlib_module_names}
    return "\n\n".join("\n".join(_lines(part)) for part in (standard, distinct - standard) if part)


def _lines(imports: set[Import]) -> list[str]:
    modules = sorted((one for one in imports if not one.name), key=lambda one: (one.module, one.alias))
    lines = [f"import {one.module}{_as(one)}" for one in modules]
    for module in sorted({one.module for one in imports if one.name}):
        members = sorted((one for one in imports if one.module == module and one.name), key=_by_kind)
        plain = ", ".join(one.name for one in members if not one.alias)
        lines += [f"from {module} import {plain}"] if plain else []
        lines += [f"from {module} import {one.name}{_as(one)}" for one in members if one.alias]
    return lines


def _as(one: Import) -> str:
    return f" as {one.alias}" if one.alias else ""


def _by_kind(one: Import) -> tuple[int, str]:
    """Constants come before classes and these before the rest."""
    kind = 0 if one.name.isupper() and len(one.name) > 1 else 1 if one.name[0].isupper() else 2
    return kind, one.name


@dataclass(slots=True)
class Ordered:
    """The imports and statements of several cells, in the order in which they can run.

    Attributes:
        imports: what comes first of all.
        settings: statements that come next.
        late: imports that those settings are for.
    """

    imports: set[Import] = field(default_factory=set)
    settings: list[Statement] = field(default_factory=list)
    late: set[Import] = field(default_factory=set)

    @property
    def all_imports(self) -> set[Import]:
        return self.imports | self.late


def ordered(cells: Sequence[Sequence[Statement]]) -> Ordered:
    """Find the imports, and those statements that a cell writes above an import because it depends on them."""
    result, packages = Ordered(), set()
    for cell in cells:
        waiting: list[Statement] = []
        bound: set[str] = set()
        for statement in cell:
            found = imported(statement.node)
            result.imports.update(found)
            if found and waiting:
                result.settings += waiting
                packages |= {one.package for one in found}
                waiting = []
            bound |= {one.bound for one in found}
            if statement.changes in bound:
                waiting.append(statement)
    result.late = {one for one in result.imports if one.package in packages}
    result.imports -= result.late
    return result


def packages(imports: Iterable[Import], made: frozenset[str] = frozenset()) -> list[str]:
    """The packages to install for what is imported, in the table's order.

    Args:
        made: the names that the program makes.

    Raises:
        CookbookError: for an import that the table does not know.
    """
    known, wanted = clients.packages().imports, set[str]()
    for one in imports:
        found = {package for module, package in known.items() if f"{one.dotted}.".startswith(f"{module}.")}
        if not found and one.package not in sys.stdlib_module_names:
            raise CookbookError(f"A snippet imports {one.dotted}: name its package in catalog/clients.toml.")
        wanted |= found
    listed = dict.fromkeys(package for package in known.values() if package in wanted)
    brought_by = clients.packages().brought_by
    named = [package for package in listed if not brought_by.get(package, frozenset()) & wanted]
    return [_with_extras(package, made) for package in named]


def _with_extras(package: str, made: frozenset[str]) -> str:
    extras = clients.packages().extras.get(package, {})
    return next((extras[name] for name in extras if name in made), package)


def install_line(wanted: Iterable[str]) -> str:
    """The command that installs packages."""
    return "pip install " + " ".join(f'"{name}"' if "[" in name else name for name in wanted)
