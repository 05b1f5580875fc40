"""What a run's notebooks talk to: the local endpoint, or the one that AZURE_INFERENCE_ENDPOINT names."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, ENGINE_KEY, check_endpoint
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.azure.withholding import OF_AN_IDENTITY
from mistral_on_azure.endpoint.starting import new_key, start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.results import Result


def of_session(url: str, key: str) -> Usage | None:
    """The usage of one key's session, None when the endpoint is gone."""
    try:
        spent = http.request("GET", f"{url}/local/session", key).json()
    except CookbookError:
        return None
    return Usage(spent["calls"], spent["prompt_tokens"], spent["completion_tokens"])


_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class Target:
    """An endpoint that is used as it is, and whose calls nobody counts.

    Attributes:
        label: how reports name it. The address is not in it: it names a tenant's resource, and reports get shared.
        secrets: what must not show up in any report.
    """

    label = "an endpoint"
    secrets: Iterable[str] = ()

    def environment(self, result: Result) -> dict[str, str]:
        """Variables for a job's kernel; called once, before the job starts."""
        return {}

    def usage(self, result: Result) -> Usage | None:
        """What a job has used; called once, after it has ended."""
        return None

    def objection(self, result: Result) -> str:
        """Why a job that passed must not count as passed; empty when there is no reason."""
        return ""

    def stop(self) -> str:
        """Why the whole run must stop; empty when there is no reason."""
        return ""

    def finish(self, passed: bool) -> str:
        """End what belongs to this run alone; say what its user has to know."""
        return ""


class Local(Target):
    """The local endpoint. Each job gets a key, which is an endpoint of its own there."""

    def __init__(self, url: str, keys: Iterable[str], engine: str | None = None) -> None:
        self.url, self.label = url, _label(engine)
        self.secrets = tuple(filter(None, [*keys, os.environ.get(ENGINE_KEY)]))
        self._free = iter(keys)
        self._keys: dict[int, str] = {}

    def environment(self, result: Result) -> dict[str, str]:
        key = self._keys[id(result)] = next(self._free)
        return {ENDPOINT: self.url, CREDENTIAL: key, **around_proxies()}

    def usage(self, result: Result) -> Usage | None:
        return of_session(self.url, self._keys[id(result)])


class Direct(Target):
    """The user's endpoint, with nothing in between: notebooks get its address and credential."""

    def __init__(self, url: str) -> None:
        self.label = label_of(url)
        self._credential = {name: os.environ[name] for name in (CREDENTIAL,) if name in os.environ}
        self.secrets = tuple(filter(None, [*self._credential.values(), *map(os.environ.get, OF_AN_IDENTITY)]))

    def environment(self, result: Result) -> dict[str, str]:
        return dict(self._credential)


@contextmanager
def local(jobs: int, engine: str | None = None) -> Iterator[Local]:
    """Start the local endpoint for some jobs.

    Args:
        engine: a real model behind it, as `cookbook serve --engine` explains it.

    Raises:
        CookbookError: when it does not start.
    """
    keys = [new_key() for _ in range(jobs)]
    with start(keys, **({"engine": engine} if engine else {})) as endpoint:
        yield Local(endpoint.url, keys, engine)


def endpoint_of_user() -> str:
    """The address in AZURE_INFERENCE_ENDPOINT, empty for the local endpoint.

    Raises:
        CookbookError: when it is not an endpoint's address, or a credential is set without it.
    """
    url = os.environ.get(ENDPOINT, "")
    if not url and os.environ.get(CREDENTIAL):
        raise CookbookError(f"{CREDENTIAL} is set but {ENDPOINT} is not. Set both, or neither for the local endpoint.")
    return check_endpoint(url) if url else ""


def check_deployments(names: Iterable[str]) -> None:
    """Refuse a deployment that the local endpoint does not have; what another endpoint has is not known here.

    Raises:
        CookbookError: names the one that is meant, or all there are.
    """
    known = deployments()
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(known)}."
            raise CookbookError(f"The local endpoint has no deployment {name!r}. {hint}")


def label_of(url: str) -> str:
    """A name for an endpoint that tells it from others and tells nobody which it is."""
    return f"endpoint {hashlib.sha256(url.encode()).hexdigest()[:8]}"


def _label(engine: str | None) -> str:
    if engine is None:
        return "local endpoint"
    return f"local endpoint with {label_of(engine) if '://' in engine else f'the {engine} engine'}"


def around_proxies() -> dict[str, str]:
    """Variables that keep requests to this machine from going to a company's web proxy."""
    if not any(os.environ.get(name) for name in _PROXIES):
        return {}
    before = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    value = ",".join(filter(None, [before, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}
