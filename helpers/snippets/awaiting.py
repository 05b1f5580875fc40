"""Notebooks may `await` outside of functions, programs may not: there it becomes `asyncio.run`."""

from __future__ import annotations

import ast


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
