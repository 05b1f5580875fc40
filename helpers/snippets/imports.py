"""Imports: gathered from all cells, each once, sorted as linters want it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass


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
