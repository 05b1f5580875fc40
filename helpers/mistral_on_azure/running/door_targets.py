"""Targets behind doors (a job's own address on loopback): the user's endpoint, the local one, or a recording."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import AUTHORITIES, CREDENTIAL, ENDPOINT, SECURE_ENDPOINT, label_of, variables_of
from mistral_on_azure.azure.children import Changes, around_proxies, away_from_others
from mistral_on_azure.azure.credentials import own_secrets
from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, DeploymentKind
from mistral_on_azure.azure.files import scratch
from mistral_on_azure.recording.doors import Door, Doors, credential_for
from mistral_on_azure.recording.forwarding import Forwarder, Replayer
from mistral_on_azure.recording.tape import Recorder, Tape, hosts_of
from mistral_on_azure.recording.usage import Budget, Usage
from mistral_on_azure.running.results import Result
from mistral_on_azure.running.targets import Local, Target

NewRecorder = Callable[[str, Iterable[str], Iterable[str]], Recorder | None]  # called with label, secrets and hosts


class ThroughDoors(Target):
    """Each job has a door. No kernel ever sees the real address or credential.

    Args:
        secrets: the real credential, if it is a key.
        before: called with each job's result and door, before the job starts.
        trusted: a file of certificate authorities, among them the one of the doors' https addresses.
        left_over: called with the door of a job that passed; returns a sentence on recorded answers that it did not
            request.
        kind: the kind of deployment, where the real address shows it, since a door's address does not.
        offline: whether the notebooks' clients may reach the doors only.
    """

    def __init__(
        self,
        label: str,
        doors: Doors,
        budget: Budget,
        secrets: Iterable[str] = (),
        recorder: Recorder | None = None,
        before: Callable[[Result, Door], None] = lambda result, door: None,
        trusted: Path | None = None,
        left_over: Callable[[Door], str] = lambda door: "",
        kind: DeploymentKind | None = None,
        offline: bool = True,
    ) -> None:
        self.label, self.secrets, self._trusted = label, tuple(secrets), trusted
        self._doors, self._budget, self._recorder, self._before = doors, budget, recorder, before
        self._left_over, self._by_job, self._kind, self._offline = left_over, dict[int, Door](), kind, offline

    def environment(self, result: Result) -> Changes:
        door = self._by_job[id(result)] = self._doors.open(result.job.name, result.job.deployment)
        self.secrets = (*self.secrets, door.key)
        self._before(result, door)
        addresses = variables_of(door.url, self._kind) if self._kind else {ENDPOINT: door.url}
        environment: Changes = {**addresses, CREDENTIAL: door.key, "NETRC": os.devnull}
        environment |= away_from_others() if self._offline else around_proxies()
        if self._trusted:
            environment |= {SECURE_ENDPOINT: door.secure_url, **dict.fromkeys(AUTHORITIES, str(self._trusted))}
        return environment

    def usage(self, result: Result) -> Usage:
        door = self._by_job[id(result)]
        self._doors.settle(door)
        return door.usage

    def objection(self, result: Result) -> str:
        door = self._by_job[id(result)]  # a notebook may have shown a refusal as an error it expected
        return door.refused[0] if door.refused else self._unrecorded or self._left_over(door)

    def stop(self) -> str:
        return self._budget.stopped or self._unrecorded

    @property
    def _unrecorded(self) -> str:
        return self._recorder.stopped if self._recorder else ""

    def finish(self, passed: bool) -> str:
        return self._recorder.close(passed) if self._recorder else ""


@contextmanager
def real(url: str, budget: Budget, recorder: NewRecorder, kind: DeploymentKind | None = None) -> Iterator[ThroughDoors]:
    """The user's own endpoint behind doors.

    Args:
        url: its address without a route.
        kind: the kind of deployment, where the address shows it.

    Raises:
        CookbookError: when it does not answer or refuses the credential, or a recording cannot be written.
    """
    give = credential_for(url, kind)
    secrets = own_secrets()
    made = recorder(label_of(url), secrets, hosts_of(url))
    forwarder = Forwarder(url, lambda door: give(), budget, made)
    with (
        _certificate(url.lower().startswith("https:")) as (certificate, trusted),
        Doors(forwarder.answer, forwarder.close, certificate) as doors,
    ):
        yield ThroughDoors(label_of(url), doors, budget, secrets, made, trusted=trusted, kind=kind, offline=False)


@contextmanager
def stand_in(local: Local, budget: Budget, recorder: NewRecorder) -> Iterator[ThroughDoors]:
    """The local endpoint behind doors, to try out a budget or a recording."""
    label = f"{local.label}, treated like a real one"
    keys: dict[str, str] = {}

    def before(result: Result, door: Door) -> None:
        keys[door.key] = local.environment(result)[CREDENTIAL]
        served = {"deployment": result.job.deployment}
        http.request("POST", f"{local.url}/local/session", keys[door.key], served)

    made = recorder(label, local.secrets, [])
    forwarder = Forwarder(local.url, lambda door: keys[door.key], budget, made)
    with Doors(forwarder.answer, forwarder.close) as doors:
        yield ThroughDoors(label, doors, budget, local.secrets, made, before)


@contextmanager
def replay(tape: Tape) -> Iterator[ThroughDoors]:
    """A recording behind doors, in place of an endpoint."""
    replayer = Replayer(tape)
    with Doors(replayer.answer, replayer.close) as doors:
        label = f"recording of {tape.about['endpoint']}, {tape.about['day']}"
        kind = DEPLOYMENT_KINDS.get(tape.about["kind"])
        yield ThroughDoors(label, doors, Budget(), left_over=replayer.left_over, kind=kind)


@contextmanager
def _certificate(wanted: bool) -> Iterator[tuple[ssl.SSLContext | None, Path | None]]:
    """A certificate for loopback, and a file of authorities with its own; None for both without https."""
    if not wanted:
        yield None, None
        return
    from mistral_on_azure.endpoint import server

    with scratch() as folder:
        context, trusted = server.make_certificate(folder)
        before = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
        if before:  # a company's authority, without which no token can be requested
            trusted.write_bytes(trusted.read_bytes() + b"\n" + Path(before).read_bytes())
        yield context, trusted
