"""What there is to run: notebooks by deployments, with their parameters checked before anything starts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.deployments import default_name
from helpers.errors import CookbookError
from helpers.parameters import check

START = "start-here"  # comes first wherever notebooks are listed


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook on one deployment.

    Attributes:
        notebook: the notebook that is read.
        deployment: the deployment's name.
        parameters: what papermill injects, the deployment included.
        output: where the executed notebook goes.
    """

    notebook: Path
    deployment: str
    output: Path
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.notebook.stem


def notebooks(folder: Path) -> dict[str, Path]:
    """The notebooks by name, start-here first."""
    paths = sorted(folder.glob("*.ipynb"), key=lambda path: (path.stem != START, path.stem))
    return {path.stem: path for path in paths}


def plan(
    folder: Path, names: Sequence[str], deployments: Sequence[str], parameters: dict[str, Any], output: Path
) -> list[Job]:
    """Every notebook with every deployment.

    Args:
        folder: where the notebooks are.
        names: which of them; empty is all.
        deployments: empty is the default one, or what the parameter model says.
        parameters: for papermill; a value that the notebook's parameters cell does not fit is refused.
        output: the folder for executed notebooks; each deployment gets one of its own.

    Raises:
        CookbookError: for a notebook that does not exist, or a parameter of the wrong name or type.
    """
    known = notebooks(folder)
    chosen = {name: known[_known(name, known)] for name in (_stem(name) for name in names)} if names else known
    for notebook in chosen.values():
        _check_parameters(notebook, parameters)
    wanted = list(deployments) or [parameters.get("model") or default_name()]
    return [
        Job(notebook, deployment, output / deployment / notebook.name, {**parameters, "model": deployment})
        for deployment in wanted
        for notebook in chosen.values()
    ]


def typed_parameters(notebook: Path) -> dict[str, str]:
    """The parameters of a notebook and the type each is written with."""
    import ast

    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = next(("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])), "")
    return {
        node.target.id: ast.unparse(node.annotation)
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign)
    }


def _stem(name: str) -> str:
    return Path(name).name.removesuffix(".ipynb")


def _known(name: str, known: Iterable[str]) -> str:
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
    raise CookbookError(f"There is no notebook {name!r}. {hint}")


def _check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    types = typed_parameters(notebook)
    for name, value in parameters.items():
        if name not in types:
            raise CookbookError(f"{notebook.name} has no parameter {name!r}. It has: {', '.join(types)}.")
        check(name, types[name], value)
