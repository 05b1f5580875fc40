"""Where a run takes place: on the local endpoint, on the user's, or on a recording; and with which jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running import targets
from mistral_on_azure.running.jobs import Job, plan
from mistral_on_azure.running.run_options import Options
from mistral_on_azure.running.targets import Target

if TYPE_CHECKING:
    from mistral_on_azure.recording.tape import Recorder

_IMPATIENT = "its programs wait 30 s for an answer, and an engine may take longer; name it to run it"
_OF_ONE_MODEL = "its programs name the model themselves; name it to run it on your endpoint"
_ENGINES_ANSWER = 150.0  # seconds: a real model on a laptop takes its time, and its requests wait for each other


class Setting:
    """A run on the local endpoint.

    Attributes:
        advice: where to look when notebooks fail.
    """

    advice = ""

    def __init__(self, options: Options) -> None:
        self.options = options

    def plan(self, output: Path) -> list[Job]:
        """What there is to run.

        Raises:
            CookbookError: for a mistake in what was asked.
        """
        jobs = self._all(output)
        targets.check_deployments(job.deployment for job in jobs)
        return jobs

    @contextmanager
    def target(self, jobs: int) -> Iterator[Target]:
        """The endpoint, for as many jobs; the context ends it."""
        with targets.local(jobs, self.options.engine) as local:
            if not self.options.between:
                yield local
                return
            from mistral_on_azure.running.proxied import stand_in

            with stand_in(local, self.options.budget, self._recorder) as target:
                yield target

    def _all(self, output: Path, why_named: str = "") -> list[Job]:
        """All jobs.

        Args:
            why_named: why notebooks in other languages, which have no parameters, are only run if they are named.
        """
        given = self.options
        jobs = plan(given.notebooks, given.selection, given.deployments, given.parameters, output)
        if given.engine:
            jobs = [job.patient(_ENGINES_ANSWER) for job in jobs]
            why_named = _IMPATIENT
        if why_named and not given.selection.names:
            jobs = [replace(job, missing=job.missing or why_named) if job.in_copy else job for job in jobs]
        return jobs

    def _recorder(self, label: str, secrets: Iterable[str], hosts: Iterable[str]) -> Recorder | None:
        from mistral_on_azure.recording.tape import Recorder, Scrubber

        if self.options.record is None:
            return None
        scrubber = Scrubber(secrets, hosts)
        parameters = {name: scrubber.text(text) for name, text in self.options.parameters.items()}
        return Recorder(self.options.record, {"endpoint": label, "parameters": parameters}, scrubber)


class OnTheUsersEndpoint(Setting):
    """A run on the endpoint that AZURE_INFERENCE_ENDPOINT names. What it serves is not known here."""

    advice = "If the endpoint is to blame, `cookbook doctor` says what to change."

    def __init__(self, options: Options, url: str) -> None:
        super().__init__(options)
        self.url = url

    def plan(self, output: Path) -> list[Job]:
        return self._all(output, _OF_ONE_MODEL)

    def target(self, jobs: int) -> AbstractContextManager[Target]:
        if self.options.direct:
            return nullcontext(targets.Direct(self.url))
        from mistral_on_azure.running.proxied import real

        return real(self.url, self.options.budget, self._recorder)


class OnARecording(Setting):
    """A run on a recording, with the notebooks, deployments and parameters that it was made with."""

    def __init__(self, options: Options) -> None:
        from mistral_on_azure.recording.tape import read

        super().__init__(options)
        self.tape = read(options.replay)

    def plan(self, output: Path) -> list[Job]:
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

    def target(self, jobs: int) -> AbstractContextManager[Target]:
        from mistral_on_azure.running.proxied import replay

        return replay(self.tape)


def of(options: Options) -> Setting:
    """The setting that the options and the environment ask for.

    Raises:
        CookbookError: when AZURE_INFERENCE_ENDPOINT is not an endpoint's address, or a recording cannot be read.
    """
    if options.replay:
        return OnARecording(options)
    url = targets.endpoint_of_user()
    return OnTheUsersEndpoint(options, url) if url else Setting(options)
