"""What there is to run: notebooks by deployments, with their parameters checked before anything starts."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import path_part
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.catalog.notebooks import Selection, choose, client_of, notebooks, typed_parameters
from mistral_on_azure.catalog.parameters import check
from mistral_on_azure.errors import CookbookError

__all__ = ["Job", "notebooks", "plan", "typed_parameters"]

_SECRET = re.compile(r"(?i)(?:^|[_-])(?:api)?(?:key|token|secret|password|credential)(?:$|[_-])")  # not max_tokens


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

    def patient(self, seconds: float) -> Job:
        """The same, but its notebook waits that long for an answer, if it can be told and nobody told it otherwise."""
        if "timeout" not in typed_parameters(self.notebook):
            return self
        return replace(self, parameters={"timeout": seconds, **self.parameters})

    @property
    def name(self) -> str:
        return self.notebook.stem

    @property
    def client(self) -> str:
        return client_of(self.name)


def plan(
    folder: Path, selection: Selection, deployments: Sequence[str], parameters: dict[str, str], output: Path
) -> list[Job]:
    """Every chosen notebook with every deployment.

    Args:
        folder: where the notebooks are.
        deployments: empty is the default one, or what the parameter `model` says.
        parameters: texts for papermill; each becomes a value of the type the parameters cell gives it.
        output: the folder for executed notebooks; each deployment gets one of its own.

    Raises:
        CookbookError: for a notebook that does not exist, a parameter of the wrong name or type, or a credential.
    """
    _refuse_credentials(parameters)
    if deployments and "model" in parameters:
        raise CookbookError("The deployment is given twice: leave out either --deployment or -p model.")
    chosen = choose(folder, selection)
    wanted = dict.fromkeys(deployments or [parameters.get("model") or default_name()])
    for deployment in wanted:
        if not deployment or "/" in deployment or not deployment.isprintable():
            raise CookbookError(f"A deployment's name has no slash and is not empty; {deployment!r} cannot be one.")
    given = {**parameters, "model": ""} if deployments else parameters
    values = {name: _values(path, given) for name, path in chosen.items()}
    return [
        Job(
            notebook,
            deployment,
            output / path_part(deployment) / notebook.name,
            _with_model(values[name], notebook, deployment),
        )
        for deployment in wanted
        for name, notebook in chosen.items()
    ]


def _refuse_credentials(parameters: dict[str, str]) -> None:
    """Papermill writes parameters into the notebook that it executes, where everybody may read them."""
    masker = Masker([os.environ.get(CREDENTIAL, "")])
    for name, text in parameters.items():
        if _SECRET.search(name) or masker.text(text) != text:
            raise CookbookError(f"The parameter {name!r} looks like a credential. Set {CREDENTIAL} instead.")


def _values(notebook: Path, parameters: dict[str, str]) -> dict[str, Any]:
    types = typed_parameters(notebook)
    values = {}
    for name, text in parameters.items():
        if name not in types:
            raise CookbookError(f"{notebook.name} has no parameter {name!r}. It has: {', '.join(types)}.")
        values[name] = _value(types[name], text)
        check(name, types[name], values[name])
    return values


def _with_model(values: dict[str, Any], notebook: Path, deployment: str) -> dict[str, Any]:
    return {**values, "model": deployment} if "model" in typed_parameters(notebook) else values


def _value(kind: str, text: str) -> Any:
    """A text as a value of a type, or the text itself when it is none, for the check to refuse."""
    if kind == "str":
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
