"""The targets of a run: the local endpoint, or the one that AZURE_INFERENCE_ENDPOINT names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import (
    CREDENTIAL,
    ENDPOINT,
    ENGINE_KEY,
    ONLY_CREDENTIAL,
    endpoint_in_variables,
    label_of,
)
from mistral_on_azure.azure.children import Changes, away_from_others
from mistral_on_azure.azure.credentials import OF_AN_IDENTITY, new_key
from mistral_on_azure.azure.deployments import SERVERLESS, DeploymentKind, kind_named
from mistral_on_azure.catalog.parameters import hint
from mistral_on_azure.endpoint.options import Options as EndpointOptions
from mistral_on_azure.endpoint.options import kind_of
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.results import Result


def of_session(url: str, key: str) -> Usage | None:
    """The usage of one key's session on the local endpoint; None when the endpoint does not answer."""
    try:
        spent = http.request("GET", f"{url}/local/session", key).json()
    except CookbookError:
        return None
    return Usage(spent["calls"], spent["prompt_tokens"], spent["completion_tokens"])


class Target:
    """An endpoint that notebooks call without a proxy, so that calls are not counted.

    Attributes:
        label: its name in reports. It does not contain the address, which names a tenant's resource.
        secrets: credentials to mask in every report.
    """

    label = "an endpoint"
    secrets: Iterable[str] = ()

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
        self.label = label_of(url)
        self._credential = {name: os.environ[name] for name in (CREDENTIAL,) if name in os.environ}
        self.secrets = tuple(filter(None, [*self._credential.values(), *map(os.environ.get, OF_AN_IDENTITY)]))

    def environment(self, result: Result) -> Changes:
        return dict(self._credential)


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


def endpoint_of_user() -> tuple[str, DeploymentKind | None]:
    """The address in AZURE_INFERENCE_ENDPOINT without a route, empty for the local endpoint, and the kind if it shows.

    Raises:
        CookbookError: when it is not an endpoint's address, or a credential is set without it.
    """
    url = os.environ.get(ENDPOINT, "")
    if not url and os.environ.get(CREDENTIAL):
        raise CookbookError(ONLY_CREDENTIAL)
    return endpoint_in_variables() if url else ("", None)


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
