"""Splits cells into statements, with the names that each binds and reads, and selects those that a task needs."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mistral_on_azure.errors import CookbookError

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_BINDS_AFTER = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)  # others bind names before they read them


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top level of a cell.

    Attributes:
        text: its lines, with the comments above it.
        node: its syntax tree.
        blank_lines: the number of blank lines above it; at least 1 for a cell's first statement.
        makes: the names that it binds.
        needs: the names that it reads and that are bound elsewhere, also those that its functions read.
        changes: the name of an object that it changes without binding it, such as `client` in `client.auth = ...`.
    """

    text: str
    node: ast.stmt
    blank_lines: int
    makes: frozenset[str]
    needs: frozenset[str]
    changes: str

    @property
    def is_docstring(self) -> bool:
        """Whether it is a bare text, as at the top of a module."""
        return isinstance(self.node, ast.Expr) and isinstance(self.node.value, ast.Constant)

    @property
    def imports(self) -> dict[str, str]:
        """An import statement for each imported name, by the name that it binds."""
        match self.node:
            case ast.Import(names=names):
                return {_bound(alias): ast.unparse(ast.Import([alias])) for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                return {
                    alias.asname or alias.name: ast.unparse(ast.ImportFrom(module, [alias], level)) for alias in names
                }
        return {}


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def split(source: str, place: str) -> list[Statement]:
    """The statements of a Python cell, without top-level awaits.

    Args:
        place: the notebook and the section, for error messages.

    Raises:
        CookbookError: when the cell is not a plain program, for instance because of a notebook magic.
    """
    try:
        source = run_awaits(source)
        compile(source, place, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CookbookError(
            f"{place}: a snippet cell is not plain Python (line {error.lineno}): {error.msg}."
        ) from None
    lines, nodes, done = source.splitlines(), ast.parse(source).body, 0
    statements = []
    for node in nodes:
        last = len(lines) if node is nodes[-1] else node.end_lineno
        above = lines[done:last]
        text = "\n".join(above).strip("\n")
        blank = next((place for place, line in enumerate(above) if line.strip()), 0)
        statements.append(Statement(text, node, blank if done else max(blank, 1), *_names(text), _changed(node)))
        done = last
    return statements


def run_awaits(source: str) -> str:
    """Turn each `await x()` outside of functions, which only notebooks allow, into `asyncio.run(x())`."""
    awaits = list(_awaits(ast.parse(source)))
    edits = [(node.lineno, node.col_offset, rb"await *", b"asyncio.run(") for node in awaits]
    edits += [(node.end_lineno, node.end_col_offset, b"", b")") for node in awaits]
    lines = source.encode().splitlines(keepends=True)  # ast counts columns in bytes
    for line, column, old, new in sorted(edits, reverse=True):
        text = lines[line - 1]
        lines[line - 1] = text[:column] + re.sub(old, new, text[column:], count=1)
    return ("import asyncio\n" if edits else "") + b"".join(lines).decode()


def _awaits(node: ast.AST) -> Iterator[ast.Await]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Await):
            yield child
        if not isinstance(child, _FUNCTIONS):
            yield from _awaits(child)


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a statement binds, and those that it reads and that are bound elsewhere."""
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
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="run", value=ast.Name(id="asyncio")))):
            return ""  # `run_awaits` made it from an await
        case ast.Assign(targets=[whole]) | ast.AugAssign(target=whole) | ast.Expr(value=ast.Call(func=whole)):
            part = whole
        case _:
            return ""
    while isinstance(part, ast.Attribute | ast.Subscript | ast.Call):
        part = part.func if isinstance(part, ast.Call) else part.value
    return part.id if isinstance(part, ast.Name) and part is not whole else ""


def needed(before: Sequence[Statement], task: Sequence[Statement], imported: Collection[str]) -> list[Statement]:
    """The statements before a task that bind or change a name that the task needs, directly or indirectly.

    Args:
        before: the statements before the task, of which some are selected.
        task: the statements of the task.
        imported: the names that the program imports; statements that change these objects are selected.
    """
    names, kept = {*imported, *_read_from_outside(task)}, []
    while found := [one for one in before if one not in kept and (one.makes & names or one.changes in names)]:
        kept += found
        names = names.union(*(one.needs for one in found))
    return [one for one in before if one in kept]


def _read_from_outside(statements: Sequence[Statement]) -> set[str]:
    """The names that statements read before they bind them."""
    found, bound = set(), set()
    for one in statements:
        own = set() if isinstance(one.node, _BINDS_AFTER) else one.makes
        found |= one.needs - bound - own
        bound |= one.makes
    return found


def replaced(connection: Sequence[Statement], by: Sequence[Statement]) -> list[Statement]:
    """The statements of a connection, without those that bind or change a name that the statements in `by` bind."""
    new = frozenset().union(*(one.makes for one in by))
    return [one for one in connection if not one.makes & new and one.changes not in new]
