"""The options of `cookbook run`, and the plan that follows from them: the jobs of a run, and its target."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, ONLY_CREDENTIAL, endpoint_in_variables
from mistral_on_azure.azure.deployments import SERVERLESS, DeploymentKind, default_name, kind_named
from mistral_on_azure.azure.files import NOTEBOOKS, is_checkout
from mistral_on_azure.azure.http import probe
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget, Prices
from mistral_on_azure.running import targets
from mistral_on_azure.running.jobs import Job, elsewhere, plan
from mistral_on_azure.running.pool import Limits
from mistral_on_azure.running.targets import Target

if TYPE_CHECKING:
    from mistral_on_azure.recording.tape import Recorder

_USUAL = SERVERLESS.name  # the kind of the committed outputs
_ENGINES_TIME = 5  # the factor between the time limits for a real model and those for the script
_ENGINES_ANSWER = 150  # seconds for an answer: a model on a laptop is slow, and requests wait for each other
_IMPATIENT = "its programs wait 30 s for an answer, and an engine may take longer; name it to run it"


@dataclass(frozen=True, slots=True)
class Options:
    """The options on the command line; `cookbook run --help` explains them.

    Attributes:
        root: the checkout, whose package and lock a result depends on.
        notebooks: the folder of the notebooks.
        reports: the folder of the reports and of the history.
        kind: the kind of deployment that the local endpoint imitates.
        engine: the real model behind the local endpoint: `embedded`, or an address; None for the script.
        direct: whether notebooks get the real address and key, so that calls are not counted.
    """

    root: Path
    notebooks: Path
    reports: Path
    selection: Selection = field(default_factory=Selection)
    deployments: Sequence[str] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    save: bool = False
    resume: bool = False
    dry_run: bool = False
    budget: Budget = field(default_factory=Budget)
    kind: str = _USUAL
    engine: str | None = None
    direct: bool = False
    record: Path | None = None
    replay: Path | None = None

    @property
    def between(self) -> bool:
        """Whether the run needs a proxy between the notebooks and the endpoint."""
        return self.budget.limited or self.record is not None

    def check(self) -> None:
        """Check that the options can be combined, and that each has an effect on this run's target.

        Raises:
            CookbookError: one line on the option to leave out.
        """
        real = os.environ.get(ENDPOINT)
        answers = "--replay" if self.replay else f"the endpoint in {ENDPOINT}" if real else ""
        self.budget.check()
        if "endpoint" in self.parameters:
            raise CookbookError(f"Set {ENDPOINT} instead of the parameter endpoint: the runner has to know it, too.")
        if self.save and (self.parameters or self.deployments):
            raise CookbookError("--save keeps what the notebooks say with their own values: leave out -p and -d.")
        if self.save and self.notebooks == NOTEBOOKS and not is_checkout():
            raise CookbookError("--save is for notebooks of yours: name their folder with --notebooks.")
        if self.direct and (self.between or self.replay):
            raise CookbookError(
                "With --direct, calls are neither counted nor recorded: leave it out, or the budget and the recording."
            )
        if self.record and self.replay:
            raise CookbookError("Give --record or --replay, not both.")
        if self.engine and answers:
            raise CookbookError(
                f"--engine is for the local endpoint, but {answers} is to answer: leave out one of them."
            )
        kind_named(self.kind)
        if self.kind != _USUAL and (answers or self.save):
            why = f"{answers} is to answer" if answers else "--save keeps answers of the kind serverless"
            raise CookbookError(f"--kind is for the local endpoint, but {why}: leave out one of them.")
        if self.direct and not real:
            raise CookbookError(f"--direct is for an endpoint of yours: set {ENDPOINT}.")
        if self.save and (answers or self.engine):
            away = "--engine or --replay" if self.engine or self.replay else ENDPOINT
            raise CookbookError(f"--save keeps the answers of the local endpoint's own script: do without {away}.")
        if self.record and self.resume:
            raise CookbookError("A recording is of a whole run: leave out --resume.")


def from_command_line(root: Path, given: dict[str, Any]) -> Options:
    """The options, from the values of `cookbook run`'s parameters by name.

    Raises:
        CookbookError: for a parameter given twice, or one price without the other.
    """
    names = [name for name, _ in given["parameters"]]
    for name, text in given["parameters"]:
        if any("\ud800" <= each <= "\udfff" for each in name + text):
            raise CookbookError(f"The parameter {name!r} is not UTF-8.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise CookbookError(f"The parameter {twice[0]!r} is given twice.")
    prices = given["price_in"], given["price_out"]
    if prices.count(None) == 1:
        raise CookbookError("Give both --price-in and --price-out.")
    usual, times = Limits(), _ENGINES_TIME if given["engine"] else 1
    limits = Limits(
        given["cell_timeout"] or usual.cell * times,
        given["notebook_timeout"] or usual.notebook * times,
        given["workers"] or usual.workers,
    )
    taken = ("deployments", "save", "resume", "dry_run", "kind", "engine", "direct", "record", "replay")
    return Options(
        root=root,
        notebooks=given["notebooks"].absolute(),
        reports=given["reports"].absolute(),
        selection=Selection(given["names"], given["clients"], given["tags"]),
        parameters=dict(given["parameters"]),
        limits=limits,
        budget=Budget(given["max_tokens_total"], given["max_cost"], None if None in prices else Prices(*prices)),
        **{name: given[name] for name in taken},
    )


class Plan:
    """A run on the local endpoint.

    Attributes:
        advice: a line that is printed when notebooks fail; empty for none.
        kind: the endpoint's kind, where its address shows it.
    """

    advice = ""
    kind: DeploymentKind | None = None

    def __init__(self, options: Options) -> None:
        self.options = options

    def jobs(self, output: Path) -> list[Job]:
        """The jobs, whose executed notebooks go into the folder `output`.

        Raises:
            CookbookError: for an option, a notebook or a deployment that cannot be used.
        """
        jobs = self._all(output)
        targets.check_deployments((job.deployment for job in jobs), self.options.kind, self.options.engine)
        return jobs

    @contextmanager
    def target(self, jobs: Sequence[Job]) -> Iterator[Target]:
        """The target for these jobs. Leaving the context stops it."""
        with targets.local(len(jobs), self.options.engine, self.options.kind, elsewhere(jobs)) as local:
            if not self.options.between:
                yield local
                return
            with targets.stand_in(local, self.options.budget, self._recorder) as target:
                yield target

    def _all(self, output: Path) -> list[Job]:
        given = self.options
        jobs = plan(given.notebooks, given.selection, self._deployments(), given.parameters, output)
        if not given.engine:
            return jobs
        jobs = [job.patient(_ENGINES_ANSWER) for job in jobs]
        if given.selection.names:
            return jobs
        return [replace(job, missing=job.missing or _IMPATIENT) if job.in_copy else job for job in jobs]

    def _deployments(self) -> Sequence[str]:
        """The deployments to run on; empty for the one in the parameter `model`, or else the cookbook's default."""
        given = self.options
        if given.deployments or "model" in given.parameters:
            return given.deployments
        first = targets.local_deployments(given.kind)[0]
        return () if first == default_name() else (first,)

    def _recorder(self, label: str, secrets: Iterable[str], hosts: Iterable[str]) -> Recorder | None:
        from mistral_on_azure.recording.tape import Recorder, Scrubber

        if self.options.record is None:
            return None
        scrubber = Scrubber(secrets, hosts)
        parameters = {name: scrubber.text(text) for name, text in self.options.parameters.items()}
        kind = self.kind.name if self.kind else ""
        return Recorder(self.options.record, {"endpoint": label, "kind": kind, "parameters": parameters}, scrubber)


class EndpointPlan(Plan):
    """A run on the endpoint that AZURE_INFERENCE_ENDPOINT names. Its deployments are not checked."""

    advice = "If the endpoint is to blame, `cookbook doctor` says what to change."

    def __init__(self, options: Options, url: str, kind: DeploymentKind | None) -> None:
        super().__init__(options)
        self.url, self.kind = url, kind

    def jobs(self, output: Path) -> list[Job]:
        return self._all(output)

    def target(self, jobs: Sequence[Job]) -> AbstractContextManager[Target]:
        if self.options.direct:
            return nullcontext(targets.Direct(self.url))
        return targets.real(self.url, self.options.budget, self._recorder, self.kind)

    def _deployments(self) -> Sequence[str]:
        given = self.options
        if given.deployments or "model" in given.parameters or given.dry_run:
            return given.deployments
        return (self._only_model,) if self._only_model else ()

    @cached_property
    def _only_model(self) -> str:
        """The endpoint's only model; empty where it names none or several, or does not answer."""
        key = os.environ.get(CREDENTIAL)
        if not key:
            return ""  # the notebook's connect() requests it, with a token
        try:
            return probe(self.url, key, self.kind).model
        except CookbookError:  # the target raises it again
            return ""


class RecordingPlan(Plan):
    """A run on a recording, with the notebooks, deployments and parameters that were recorded."""

    def __init__(self, options: Options) -> None:
        from mistral_on_azure.recording.tape import read

        super().__init__(options)
        self.tape = read(options.replay)

    def jobs(self, output: Path) -> list[Job]:
        given, recorded = self.options, self.tape.jobs
        deployments = given.deployments or list(dict.fromkeys(each.deployment for each in self.tape.exchanges))
        parameters = {**self.tape.about["parameters"], **given.parameters}
        parameters.pop("model", None)
        selection = given.selection
        if not selection.names:
            names = {name for name, _ in recorded}
            selection = replace(selection, names=[name for name in notebooks(given.notebooks) if name in names])
        planned = plan(given.notebooks, selection, deployments, parameters, output) if selection.names else []
        jobs = [job for job in planned if (job.name, job.deployment) in recorded]
        if not jobs:
            raise CookbookError(f"{given.replay} has none of the notebooks and deployments that were asked for.")
        return jobs

    def target(self, jobs: Sequence[Job]) -> AbstractContextManager[Target]:
        return targets.replay(self.tape)


def plan_of(options: Options) -> Plan:
    """The plan for the options and the environment.

    Raises:
        CookbookError: when AZURE_INFERENCE_ENDPOINT is not an endpoint's address, a credential is set without it, or a
            recording cannot be read.
    """
    if options.replay:
        return RecordingPlan(options)
    if os.environ.get(ENDPOINT):
        return EndpointPlan(options, *endpoint_in_variables())
    if os.environ.get(CREDENTIAL):
        raise CookbookError(ONLY_CREDENTIAL)
    return Plan(options)
