"""A cell taken apart into statements, each with its text and the names it makes and needs."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from helpers.errors import CookbookError
from helpers.snippets.awaiting import run_what_is_awaited
from helpers.snippets.cells import Cell


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top level of a cell.

    Attributes:
        text: its lines, with the comments above it.
        node: its syntax.
        blank_lines: how many stand above it; 1 at least for a cell's first.
        makes: names that it binds.
        needs: names that it takes from outside, also inside of functions.
        changes: the name of the object that it only changes, such as `client` in `client.auth = ...`.
    """

    text: str
    node: ast.stmt
    blank_lines: int
    makes: frozenset[str]
    needs: frozenset[str]
    changes: str


def split(cell: Cell) -> list[Statement]:
    """The statements of a Python cell, without top-level awaits.

    Raises:
        CookbookError: when the cell is not a plain program, for instance because of a notebook magic.
    """
    try:
        source = run_what_is_awaited(cell.source)
        compile(source, cell.place, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CookbookError(
            f"{cell.place}: a snippet cell is not plain Python (line {error.lineno}): {error.msg}."
        ) from None
    lines, nodes, done = source.splitlines(), ast.parse(source).body, 0
    statements = []
    for node in nodes:
        last = len(lines) if node is nodes[-1] else node.end_lineno
        above = lines[done:last]
        text = "\n".join(above).strip("\n")
        blank = next((place for place, line in enumerate(above) if line.strip()), 0)
        makes, needs = _names(text)
        statements.append(Statement(text, node, blank if done else max(blank, 1), makes, needs, _changed(node)))
        done = last
    return statements


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    top = symtable.symtable(text, "statement", "exec")
    makes = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    needs = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    for table in _below(top):
        needs |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return frozenset(makes), frozenset(needs)


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def _changed(node: ast.stmt) -> str:
    """The name at the root of `name.attribute = ...`, `name[key] = ...` or `name.method(...)`, else nothing."""
    match node:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
            pass
        case ast.AugAssign(target=ast.Attribute() | ast.Subscript() as target):
            pass
        case ast.Expr(value=ast.Call(func=ast.Attribute() as target)):
            pass
        case _:
            return ""
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Call):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target.id if isinstance(target, ast.Name) else ""
