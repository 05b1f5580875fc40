"""The parameters of a notebook as a program's constants."""

from __future__ import annotations

import ast

_LEFT_OUT = "endpoint"  # the environment variable says it


def constants(parameters: str) -> dict[str, str]:
    """The assignments of a parameters cell by name, without annotations and with their comments."""
    lines = parameters.splitlines()
    return {
        node.target.id: node.target.id + lines[node.lineno - 1][node.annotation.end_col_offset :]
        for node in ast.parse(parameters).body
        if isinstance(node, ast.AnnAssign) and node.target.id != _LEFT_OUT
    }
