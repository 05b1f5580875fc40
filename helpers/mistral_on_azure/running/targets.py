"""The targets of a run: the local endpoint, the one that AZURE_INFERENCE_ENDPOINT names, or a recording.

Behind doors (a job's own address on loopback), calls are counted and recorded, and a budget can stop them. What a door
needs is imported when there is one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import (
    AUTHORITIES,
    CREDENTIAL,
    ENDPOINT,
    ENGINE_KEY,
    SECURE_ENDPOINT,
    label_of,
    variables_of,
)
from mistral_on_azure.azure.children import Changes, around_proxies, away_from_others
from mistral_on_azure.azure.credentials import new_key, own_secrets
from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, SERVERLESS, DeploymentKind, kind_named
from mistral_on_azure.azure.files import scratch
from mistral_on_azure.catalog.parameters import hint
from mistral_on_azure.endpoint.options import Options as EndpointOptions
from mistral_on_azure.endpoint.options import kind_of
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget, Usage
from mistral_on_azure.running.results import Result

if TYPE_CHECKING:
    from mistral_on_azure.recording.doors import Door, Doors
    from mistral_on_azure.recording.tape import Recorder, Tape

# Called with an endpoint's label, secrets and hosts; None where nothing is recorded.
NewRecorder = Callable[[str, Iterable[str], Iterable[str]], "Recorder | None"]


def of_session(url: str, key: str) -> Usage | None:
    """The usage of one key's session on the local endpoint; None when the endpoint does not answer."""
    try:
        spent = http.request("GET", f"{url}/local/session", key).json()
    except CookbookError:
        return None
    return Usage(spent["calls"], spent["prompt_tokens"], spent["completion_tokens"])


class Target:
    """The endpoint that a run's notebooks call. Unless a method is overridden, calls are neither counted nor refused.

    Attributes:
        label: its name in reports. It does not contain the address, which names a tenant's resource.
        secrets: credentials to mask in every report.
    """

    label: str
    secrets: Iterable[str]

    def environment(self, result: Result) -> Changes:
        """The changes to the environment of a job's kernel; called once, before the job starts."""
        return {}

    def usage(self, result: Result) -> Usage | None:
        """The usage of a job, None when it is unknown; called once, after the job has ended."""
        return None

    def objection(self, result: Result) -> str:
        """Why a job that passed counts as failed; empty when it does not."""
        return ""

    def stop(self) -> str:
        """Why the whole run must stop; empty while it may go on."""
        return ""

    def finish(self, passed: bool) -> str:
        """Close the files of this run. Returns a line for the user, or an empty text."""
        return ""


class Local(Target):
    """The local endpoint. Each job has a key, and with it a session of its own there."""

    def __init__(self, url: str, keys: Iterable[str], engine: str | None = None, kind: str = SERVERLESS.name) -> None:
        self.url, self.label = url, _label(engine, kind_named(kind))
        self.secrets = tuple(filter(None, [*keys, os.environ.get(ENGINE_KEY)]))
        self._free = iter(keys)
        self._keys: dict[int, str] = {}

    def environment(self, result: Result) -> Changes:
        key = self._keys[id(result)] = next(self._free)
        return {**away_from_others(), ENDPOINT: self.url, CREDENTIAL: key}

    def usage(self, result: Result) -> Usage | None:
        return of_session(self.url, self._keys[id(result)])


class Direct(Target):
    """The user's endpoint without a proxy: notebooks get its address and credential."""

    def __init__(self, url: str) -> None:
        self.label, self.secrets = label_of(url), own_secrets()

    def environment(self, result: Result) -> Changes:
        return {CREDENTIAL: os.environ.get(CREDENTIAL)}  # workers are started without it


@contextmanager
def local(
    jobs: int, engine: str | None = None, kind: str = SERVERLESS.name, recipes: Iterable[Path] = ()
) -> Iterator[Local]:
    """Start the local endpoint for some jobs. Limits apply per key, so jobs do not share those of managed compute.

    Args:
        jobs: the number of jobs, each of which gets a key.
        kind: the kind of deployment that it imitates.
        engine: `embedded`, or the address of an OpenAI-compatible server that answers in place of the script.
        recipes: the TOML files of recipes that lie elsewhere.

    Raises:
        CookbookError: when it does not start.
    """
    keys = [new_key() for _ in range(jobs)]
    with start(keys, kind=kind, recipes=[*map(str, recipes)], **({"engine": engine} if engine else {})) as endpoint:
        yield Local(endpoint.url, keys, engine, kind)


def local_deployments(kind: str, engine: str | None = None) -> list[str]:
    """The deployments that the local endpoint has as a kind, the default one first.

    Raises:
        CookbookError: for an unknown kind, or an engine with a kind that has its own.
    """
    return list(kind_of(EndpointOptions(kind=kind, engine=engine)).deployments())


def check_deployments(names: Iterable[str], kind: str, engine: str | None = None) -> None:
    """Check that the local endpoint has these deployments as a kind, and that an engine can stand behind it.

    Raises:
        CookbookError: for a deployment that it does not have, with the most similar name or all names; and for an
            engine with a kind that has its own.
    """
    known = local_deployments(kind, engine)
    for name in names:
        if name not in known:
            raise CookbookError(f"The local endpoint has no deployment {name!r}. {hint(name, known)}")


def _label(engine: str | None, kind: DeploymentKind) -> str:
    name = "local endpoint" if kind is SERVERLESS else f"local endpoint ({kind.words})"
    if engine is None:
        return name
    return f"{name} with {label_of(engine) if '://' in engine else f'the {engine} engine'}"


@dataclass(eq=False)
class ThroughDoors(Target):
    """Each job has a door. No kernel ever sees the real address or credential.

    Attributes:
        secrets: the real credential, if it is a key, and the keys of the doors.
        before: called with each job's result and door, before the job starts.
        left_over: called with the door of a job that passed; returns a sentence on recorded answers that it did not
            request.
        trusted: a file of certificate authorities, among them the one of the doors' https addresses.
        kind: the kind of deployment, where the real address shows it, since a door's address does not.
        offline: whether the notebooks' clients may reach the doors only.
    """

    label: str
    doors: Doors
    budget: Budget
    secrets: tuple[str, ...] = ()
    recorder: Recorder | None = None
    before: Callable[[Result, Door], None] = lambda result, door: None
    left_over: Callable[[Door], str] = lambda door: ""
    trusted: Path | None = None
    kind: DeploymentKind | None = None
    offline: bool = True
    _by_job: dict[int, Door] = field(default_factory=dict)

    def environment(self, result: Result) -> Changes:
        door = self._by_job[id(result)] = self.doors.open(result.job.name, result.job.deployment)
        self.secrets = (*self.secrets, door.key)
        self.before(result, door)
        addresses = variables_of(door.url, self.kind) if self.kind else {ENDPOINT: door.url}
        environment: Changes = {**addresses, CREDENTIAL: door.key, "NETRC": os.devnull}
        environment |= away_from_others() if self.offline else around_proxies()
        if self.trusted:
            environment |= {SECURE_ENDPOINT: door.secure_url, **dict.fromkeys(AUTHORITIES, str(self.trusted))}
        return environment

    def usage(self, result: Result) -> Usage:
        door = self._by_job[id(result)]
        self.doors.settle(door)
        return door.usage

    def objection(self, result: Result) -> str:
        door = self._by_job[id(result)]  # a notebook may have shown a refusal as an error it expected
        return door.refused[0] if door.refused else self._unrecorded or self.left_over(door)

    def stop(self) -> str:
        return self.budget.stopped or self._unrecorded

    @property
    def _unrecorded(self) -> str:
        return self.recorder.stopped if self.recorder else ""

    def finish(self, passed: bool) -> str:
        return self.recorder.close(passed) if self.recorder else ""


@contextmanager
def real(url: str, budget: Budget, recorder: NewRecorder, kind: DeploymentKind | None = None) -> Iterator[ThroughDoors]:
    """The user's own endpoint behind doors.

    Args:
        url: its address without a route.
        kind: the kind of deployment, where the address shows it.

    Raises:
        CookbookError: when it does not answer or refuses the credential, or a recording cannot be written.
    """
    from mistral_on_azure.recording.doors import Doors, credential_for
    from mistral_on_azure.recording.forwarding import Forwarder
    from mistral_on_azure.recording.tape import hosts_of

    give, label, secrets = credential_for(url, kind), label_of(url), tuple(own_secrets())
    made = recorder(label, secrets, hosts_of(url))
    forwarder = Forwarder(url, lambda door: give(), budget, made)
    certificate = trusted = None
    with ExitStack() as opened:
        if url.lower().startswith("https:"):
            certificate, trusted = _certificate(opened.enter_context(scratch()))
        doors = opened.enter_context(Doors(forwarder.answer, forwarder.close, certificate))
        yield ThroughDoors(label, doors, budget, secrets, made, trusted=trusted, kind=kind, offline=False)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for loopback, and a file with the authority that signed it and the user's own ones."""
    from mistral_on_azure.endpoint.server import make_certificate

    context, trusted = make_certificate(folder)
    before = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if before:  # a company's authority, without which no token can be requested
        trusted.write_bytes(trusted.read_bytes() + b"\n" + Path(before).read_bytes())
    return context, trusted


@contextmanager
def stand_in(local: Local, budget: Budget, recorder: NewRecorder) -> Iterator[ThroughDoors]:
    """The local endpoint behind doors, to try out a budget or a recording."""
    from mistral_on_azure.recording.doors import Doors
    from mistral_on_azure.recording.forwarding import Forwarder

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
    from mistral_on_azure.recording.doors import Doors
    from mistral_on_azure.recording.forwarding import Replayer

    replayer = Replayer(tape)
    label = f"recording of {tape.about['endpoint']}, {tape.about['day']}"
    with Doors(replayer.answer, replayer.close) as doors:
        kind = DEPLOYMENT_KINDS.get(tape.about["kind"])
        yield ThroughDoors(label, doors, Budget(), left_over=replayer.left_over, kind=kind)
