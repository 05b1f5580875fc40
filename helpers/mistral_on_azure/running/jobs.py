"""The jobs of a run: each chosen notebook on each deployment, with parameters that are checked before any starts."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.deployments import deployments as known_deployments
from mistral_on_azure.azure.files import NOTEBOOKS, is_checkout, path_part, scratch
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Kind, Notebook, load
from mistral_on_azure.catalog.parameters import values
from mistral_on_azure.catalog.selection import Selection, choose
from mistral_on_azure.catalog.sidecar import read_sidecar, scripts
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.package_index import group_of

_WRITTEN = ("node_modules", "*-client.mjs", "tools.*", "connection.sh", "token.sh")  # by npm and by the notebooks
_ALWAYS = {"bash"}
_TOOLS = {"%%script node": "node", "npm ": "npm", "curl ": "curl", "jq ": "jq"}  # the tool for a text in a cell
_SLIP = 0.9  # a name that is at least as similar to a known one counts as mistyped
_SECRET = re.compile(r"(?i)(?:^|[_-])(?:api)?(?:key|token|secret|password|credential)(?:$|[_-])")  # not max_tokens


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook on one deployment.

    Attributes:
        notebook: the file that is read.
        deployment: the deployment's name.
        output: where the executed notebook goes.
        parameters: the values that papermill injects, the deployment included.
        id: the notebook's id in the catalog; empty means the stem of the file.
        missing: why it cannot run on this machine; empty when it can.
        in_copy: whether it is executed in a copy of its folder, because it writes files.
        answers: the TOML file of a recipe outside the cookbook's folder, which the local endpoint must be given.
    """

    notebook: Path
    deployment: str
    output: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    missing: str = ""
    in_copy: bool = False
    answers: Path | None = None

    def patient(self, seconds: int) -> Job:
        """The same job with this `timeout`, if its notebook has that parameter and the user has not set it."""
        if self.missing or "timeout" not in load(self.notebook).parameters:
            return self
        return replace(self, parameters={"timeout": seconds, **self.parameters})

    @property
    def place(self) -> str:
        """The path of the executed notebook in the folder of reports; every system and upload accepts it."""
        return "/".join(map(path_part, (self.deployment, *self.name.split("/")))) + ".ipynb"

    @property
    def name(self) -> str:
        return self.id or self.notebook.stem

    @property
    def client(self) -> str:
        """The client as tables show it; the notebook's own name where it is of no client."""
        return names().get(self.name, self.name)

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """The folder in which the kernel runs: the notebook's own, or a copy that is removed afterwards."""
        if not self.in_copy:
            yield self.notebook.parent
            return
        source, packages = self.notebook.parent, self.notebook.parent / "node_modules"
        with scratch() as folder:
            copy = folder / source.name
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*_WRITTEN, "._*"))
            if packages.is_dir():
                (copy / packages.name).symlink_to(packages.resolve())
            yield copy


def plan(
    folder: Path, selection: Selection, deployments: Sequence[str], parameters: dict[str, str], output: Path
) -> list[Job]:
    """Every chosen notebook with every deployment.

    Args:
        folder: where the notebooks are.
        deployments: empty means the one in the parameter `model`, or else a recipe's own or the default one.
        parameters: values as texts; each is converted to the type that it has in the parameters cell.
        output: the folder for executed notebooks, in which each deployment gets a folder.

    Raises:
        CookbookError: for a notebook that does not exist, a parameter of the wrong name or type, or a credential.
    """
    if deployments and "model" in parameters:
        raise CookbookError("The deployment is given twice: leave out either --deployment or -p model.")
    chosen = choose(folder, selection)
    for file in scripts(folder):
        read_sidecar(file)  # raises an error that names a damaged file, before the local endpoint reads them all
    _refuse_credentials(parameters, {name for notebook in chosen.values() for name in notebook.parameters})
    wanted = dict.fromkeys(deployments or [parameters.get("model") or None])
    for deployment in wanted:
        if deployment is not None and (not deployment or "/" in deployment or not deployment.isprintable()):
            raise CookbookError(f"A deployment's name has no slash and is not empty; {deployment!r} cannot be one.")
    given = {**parameters, "model": ""} if deployments else parameters
    jobs = {name: _job(notebook, given, output, strict=bool(selection.names)) for name, notebook in chosen.items()}
    if all(job.missing for job in jobs.values()):
        job = next(iter(jobs.values()))
        raise CookbookError(f"{job.name} cannot run here: {job.missing}.")
    return [
        _on(jobs[name], chosen[name], _own(chosen[name]) if deployment is None else deployment, output)
        for deployment in wanted
        for name in chosen
    ]


def elsewhere(jobs: Iterable[Job]) -> list[Path]:
    """The TOML files of recipes outside the cookbook's folder, which the local endpoint must be given."""
    return list(dict.fromkeys(job.answers for job in jobs if job.answers))


def _own(notebook: Notebook) -> str:
    """The deployment that a notebook calls by default: that of a recipe's parameter `model`, or the cookbook's."""
    parameter = notebook.parameters.get("model")
    own = parameter.default if parameter and notebook.kind is Kind.RECIPE else None
    return own if own in known_deployments() else default_name()


def _job(notebook: Notebook, given: dict[str, str], output: Path, strict: bool) -> Job:
    """A notebook's job, with no deployment yet.

    Args:
        strict: refuse a notebook that cannot run with these options, since the user named it, instead of skipping it.
    """
    missing = lacking(notebook, may_install=strict)
    if not strict and notebook.kind in (Kind.RECIPE, Kind.OTHER_LANGUAGE):
        # Clients' notebooks share their parameters; recipes and other languages have their own.
        foreign = [name for name in given if name not in notebook.parameters]
        missing = missing or (f"it has no parameter {foreign[0]!r}" if foreign else "")
    if missing and strict:
        raise CookbookError(f"{notebook.id} cannot run here: {missing}.")
    parameters = {} if missing else values(notebook.parameters, given, notebook.path.name)
    in_copy = notebook.kind is Kind.OTHER_LANGUAGE
    return Job(notebook.path, "", output, parameters, notebook.id, missing, in_copy, _answers(notebook))


def _answers(notebook: Notebook) -> Path | None:
    """The TOML file beside a notebook; None where it has no answers, or the local endpoint reads it by itself.

    Raises:
        CookbookError: one line that names the file, the line and the key.
    """
    beside, answers = notebook.path.with_suffix(".toml"), notebook.sidecar.exchange
    if not answers or beside.resolve() in map(Path.resolve, scripts(NOTEBOOKS)):
        return None
    from mistral_on_azure.endpoint.models.script_files import entries_of  # slow to import, with the tokenizer

    entries_of(beside, answers)
    return beside


def _on(job: Job, notebook: Notebook, deployment: str, output: Path) -> Job:
    parameters = {**job.parameters, "model": deployment} if "model" in notebook.parameters else job.parameters
    placed = replace(job, deployment=deployment, parameters=parameters)
    return replace(placed, output=output / placed.place)


def lacking(notebook: Notebook, may_install: bool) -> str:
    """What a notebook needs and this machine lacks; empty when it lacks nothing.

    Args:
        may_install: whether the notebook may install packages of npm itself.
    """
    if notebook.kind is Kind.RECIPE:
        absent = absent_packages(notebook)
        group = group_of(absent)
        install = f"make group NAME={group}" if group and is_checkout() else f"pip install {' '.join(absent)}"
        return f"it needs what is not installed: {install}" if absent else ""
    if notebook.kind is not Kind.OTHER_LANGUAGE:
        return ""
    needed = _ALWAYS | {tool for cell in notebook.code for word, tool in _TOOLS.items() if word in cell.source}
    missing = sorted(tool for tool in needed if not shutil.which(tool))
    if missing:
        return f"there is no {' and no '.join(missing)}"
    if "npm" in needed and not may_install and not (notebook.path.parent / "node_modules").is_dir():
        return f"its packages are not installed: run `npm ci` in notebooks/{notebook.path.parent.name}"
    return ""


def absent_packages(notebook: Notebook) -> list[str]:
    """The packages that a recipe needs and this environment lacks, as requirements."""
    return [package for package in notebook.sidecar.packages if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    """Whether a package is installed, in a version that the requirement allows."""
    from packaging.requirements import InvalidRequirement, Requirement  # imported when needed, so that --help is fast

    try:
        wanted = Requirement(package)
        return wanted.specifier.contains(version(wanted.name), prereleases=True)
    except (InvalidRequirement, PackageNotFoundError):
        return False


def _refuse_credentials(parameters: dict[str, str], known: set[str]) -> None:
    """Refuse a credential as a parameter: papermill writes parameters into the executed notebook.

    Args:
        known: the notebooks' parameters; a similar name is a misspelling, for which there is another message.

    Raises:
        CookbookError: for a parameter that looks like a credential.
    """
    masker = Masker([os.environ.get(CREDENTIAL, "")])
    for name, text in parameters.items():
        slip = name not in known and difflib.get_close_matches(name, known, 1, _SLIP)
        if (_SECRET.search(name) and not slip) or masker.text(text) != text:
            raise CookbookError(f"The parameter {name!r} looks like a credential. Set {CREDENTIAL} instead.")
