"""Leaving out what a starter does not need: of the connection's statements only those remain that the rest uses."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.snippets.statements import Statement


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
