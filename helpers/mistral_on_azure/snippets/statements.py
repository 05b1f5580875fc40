"""Cells taken apart into statements, each with the names it makes and needs, so that only what is needed remains.

Notebooks may `await` outside of functions, programs may not: there it becomes `asyncio.run`.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.cells import Cell


def run_what_is_awaited(source: str) -> str:
    """Turn every `await x()` that stands in no function into `asyncio.run(x())`, wherever in a line it is."""
    finder = _Finder()
    finder.visit(ast.parse(source))
    if not finder.found:
        return source
    text = source.encode()  # ast counts columns in bytes
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    edits = []
    for node in finder.found:
        begin = starts[node.lineno - 1] + node.col_offset
        edits.append((begin, _word_and_space(text, begin), b"asyncio.run("))
        end = starts[node.end_lineno - 1] + node.end_col_offset
        edits.append((end, 0, b")"))
    for place, removed, added in sorted(edits, reverse=True):
        text = text[:place] + added + text[place + removed :]
    return f"import asyncio\n{text.decode()}"


def _word_and_space(text: bytes, begin: int) -> int:
    """How long `await` is, with the space after it."""
    after = text[begin + len(b"await") :]
    return len(text) - begin - len(after.lstrip(b" "))


class _Finder(ast.NodeVisitor):
    """Collects the awaits outside of functions."""

    def __init__(self) -> None:
        self.found: list[ast.Await] = []

    def visit_Await(self, node: ast.Await) -> None:
        self.found.append(node)
        self.generic_visit(node)

    def _skip(self, node: ast.AST) -> None:
        """What is inside of a function stays."""

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _skip


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


def needed(connection: Sequence[Statement], task: Sequence[Statement], always: frozenset[str]) -> list[Statement]:
    """The statements of the connection that the task needs, directly or through another one.

    Args:
        connection: statements that only prepare.
        task: statements that all remain.
        always: names that are there in any case, the imported ones: what changes their objects remains.
    """
    names = set(always).union(*(statement.needs for statement in task))
    kept: list[Statement] = []
    rest = list(connection)
    while found := [statement for statement in rest if _serves(statement, names)]:
        kept += found
        rest = [statement for statement in rest if statement not in found]
        names = names.union(*(statement.needs for statement in found))
    return [statement for statement in connection if statement in kept]


def replaced(connection: Sequence[Statement], by: Sequence[Statement]) -> list[Statement]:
    """The statements of a connection without those that another one makes anew, and without what changes these."""
    new = frozenset().union(*(statement.makes for statement in by))
    return [statement for statement in connection if not statement.makes & new and statement.changes not in new]


def _serves(statement: Statement, names: set[str]) -> bool:
    if statement.changes:
        return statement.changes in names
    return bool(statement.makes & names) or not statement.makes
