"""The plan of a run: its jobs, and its target (the local endpoint, the user's own endpoint, or a recording)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.deployments import DeploymentKind, default_name
from mistral_on_azure.azure.http import probe
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running import targets
from mistral_on_azure.running.jobs import Job, elsewhere, plan
from mistral_on_azure.running.run_options import Options
from mistral_on_azure.running.targets import Target

if TYPE_CHECKING:
    from mistral_on_azure.recording.tape import Recorder

_IMPATIENT = "its programs wait 30 s for an answer, and an engine may take longer; name it to run it"
_ENGINES_ANSWER = 150  # seconds for an answer: a model on a laptop is slow, and requests wait for each other


class Plan:
    """A run on the local endpoint.

    Attributes:
        advice: a line that is printed when notebooks fail; empty for none.
    """

    advice = ""

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
            from mistral_on_azure.running.door_targets import stand_in

            with stand_in(local, self.options.budget, self._recorder) as target:
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

    kind: DeploymentKind | None = None  # the endpoint's kind, where its address shows it

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
        from mistral_on_azure.running.door_targets import real

        return real(self.url, self.options.budget, self._recorder, self.kind)

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
        from mistral_on_azure.running.door_targets import replay

        return replay(self.tape)


def plan_of(options: Options) -> Plan:
    """The plan for the options and the environment.

    Raises:
        CookbookError: when AZURE_INFERENCE_ENDPOINT is not an endpoint's address, or a recording cannot be read.
    """
    if options.replay:
        return RecordingPlan(options)
    url, kind = targets.endpoint_of_user()
    return EndpointPlan(options, url, kind) if url else Plan(options)
