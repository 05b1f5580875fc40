"""What has to come before an import: `os.environ[...] = ...` for a library that reads it when it is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helpers.snippets.imports import Import, imported
from helpers.snippets.statements import Statement


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
