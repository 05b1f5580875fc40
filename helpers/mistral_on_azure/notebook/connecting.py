"""Connects a notebook: finds the endpoint or starts the local one, and sets the clients' environment variables.

The local endpoint also fails or answers slowly where a notebook asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import (
    CREDENTIAL,
    ENDPOINT,
    ENGINE,
    ONLY_CREDENTIAL,
    OPENAI_ENDPOINT,
    SECURE_ENDPOINT,
    endpoint_in_variables,
    variables_of,
)
from mistral_on_azure.azure.children import Changes, apply, at_local_endpoint
from mistral_on_azure.azure.credentials import NoToken, check_credential, token_provider
from mistral_on_azure.azure.deployments import SERVERLESS, DeploymentKind, default_name, kind_named
from mistral_on_azure.azure.http import probe
from mistral_on_azure.catalog.parameters import check_parameters
from mistral_on_azure.endpoint import NAME
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.errors import CookbookError


@dataclass(slots=True)
class Connection:
    """The endpoint that this process calls.

    Attributes:
        url: the address without a route.
        model: the deployment that the endpoint names; else the one that was given.
        local: the answer of the local endpoint's `/local/session`; empty for any other endpoint.
        kind: the kind of deployment.
    """

    url: str
    model: str
    local: dict[str, str]
    kind: DeploymentKind = SERVERLESS

    def ask(self, method: str, route: str, body: Any = None) -> Any:
        """Call one of the local endpoint's own routes, and return its answer as JSON.

        Args:
            route: a path under `/local`, which Azure does not have.

        Raises:
            CookbookError: with the message of an error answer.
        """
        answer = http.request(method, f"{self.url}{route}", os.environ[CREDENTIAL], body)
        if answer.status != 200:
            raise CookbookError(answer.message)
        return answer.json()


_current: Connection | None = None
_started: LocalEndpoint | None = None
_before: Changes = {}  # the values of variables before they were changed for a local endpoint
_changed: Changes = {}  # their changed values


def connect(endpoint: str = "", model: str = "", kind: str = "") -> None:
    """Check AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL, or start the local endpoint and set them.

    The clients' addresses are set for the kind of deployment: AZURE_INFERENCE_ENDPOINT for the Model Inference API,
    AZURE_INFERENCE_OPENAI_ENDPOINT for OpenAI-compatible clients, and AZURE_INFERENCE_SCOPE for tokens.
    The notebook's parameters are checked against their types, too. Where the endpoint knows one model only, by another
    name than the cookbook's default, the notebook's parameter `model` gets that name.

    Args:
        endpoint: the endpoint's address as the portal gives it; empty means AZURE_INFERENCE_ENDPOINT or, where that is
            unset, the local endpoint.
        model: the deployment's name; empty means the cookbook's default.
        kind: serverless, managed or foundry; empty takes it from the address and the endpoint's answer.

    Raises:
        CookbookError: one line on what is wrong and what to change.
    """
    global _current
    model = model or default_name()
    check_parameters()
    if endpoint:
        os.environ[ENDPOINT] = endpoint
        os.environ.pop(OPENAI_ENDPOINT, None)  # it belongs to another endpoint
    if not os.environ.get(ENDPOINT):
        _start_local()
    url, known = endpoint_in_variables(kind_named(kind) if kind else None)
    _leave_local(url)
    if CREDENTIAL not in os.environ:
        scope = known.scope if known else ""
        os.environ[CREDENTIAL] = token_provider(url, scope)()  # clients send it as they send a key
    check_credential(os.environ[CREDENTIAL])
    _current = _look(url, model, known, by_address=not kind)
    os.environ.update(variables_of(url, _current.kind))
    print(_describe(_current) + _name(_current, model))


def current() -> Connection:
    """The connection of the last `connect`.

    Raises:
        CookbookError: when `connect` has not been called.
    """
    if _current is None:
        raise CookbookError("Not connected yet: run the cell with connect() first.")
    return _current


def use_entra_id() -> bool:
    """Prepare the cells of the Microsoft Entra ID section, and return whether a token can be requested.

    On the local endpoint this sets the https addresses, because a token must not travel over plain http. On Azure the
    addresses stay as they are, and a token is requested to find out whether there is an identity.
    """
    connection = current()
    if connection.local:
        os.environ.update(variables_of(connection.local["https_endpoint"], connection.kind))
        print("Microsoft Entra ID: the local endpoint's token service, over https.")
        return True
    # Behind a proxy that counts calls, the endpoint's https address is the proxy's.
    secure = os.environ.get(SECURE_ENDPOINT, connection.url)
    try:
        token_provider(secure, connection.kind.scope)
    except NoToken as error:
        print(f"Microsoft Entra ID: not used here, the key stays in use: {error.why}.")
        return False
    os.environ.update(variables_of(secure, connection.kind))
    print("Microsoft Entra ID: DefaultAzureCredential found an identity.")
    return True


def use_key() -> None:
    """Set the endpoint's addresses to what they were before `use_entra_id`."""
    os.environ.update(variables_of(current().url, current().kind))


def answers_are_scripted() -> bool:
    """Whether the local endpoint's script answers. Figures about its answers are made up, not measured on a model.

    Raises:
        CookbookError: before `connect`.
    """
    local = current().local
    return bool(local) and not local.get("engine")


@contextmanager
def local_endpoint(kind: str = SERVERLESS.name, model: str = "", **options: Any) -> Iterator[Mapping[str, str]]:
    """Start another local endpoint beside that of `connect`, with a kind and options of its own, for a `with` block.

    Args:
        kind: serverless, managed or foundry.
        model: the deployment that answers where a request names none; on managed compute the only one.
        options: other fields of `mistral_on_azure.endpoint.options.Options`, such as tokens_per_minute=10_000.

    Yields:
        the environment variables by which clients find it, with its credential. This process's variables stay as they
        are.

    Raises:
        CookbookError: for an unknown kind or deployment.
    """
    found = kind_named(kind)
    with start(kind=kind, deployment=model or None, **options) as started:
        yield {**variables_of(started.url, found), CREDENTIAL: started.keys[0]}


def fail_next(status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> bool:
    """Make the local endpoint answer the next chat completions with an error.

    Args:
        status: the HTTP status, such as 429; None for a fault that is no error answer.
        times: the number of requests that fail; 0 cancels earlier faults.
        retry_after: seconds in the `Retry-After` header; None sends no such header.
        fault: other faults, such as first_token=3 (seconds), reset="within", answer="empty", retry_after_ms=500 or
            model_status=503 (inside of 424); all are listed in mistral_on_azure/endpoint/fault.py.

    Returns:
        True on the local endpoint; False on any other endpoint, where nothing happens.
    """
    connection = current()
    if not connection.local:
        print("Only the local endpoint can be asked to fail; this cell does nothing here.")
        return False
    if times:
        wanted = {"status": status, "count": times, "retry_after": retry_after, **fault}
        connection.ask("POST", "/local/faults", wanted)
    else:
        connection.ask("DELETE", "/local/faults")
    return True


@contextmanager
def imitate_pace() -> Iterator[None]:
    """Within the block, the local endpoint imitates the deployment's pace. Afterwards its pace is as before.

    On any other endpoint nothing happens.
    """
    connection = current()
    if not connection.local:
        yield
        return
    before = connection.ask("POST", "/local/timing", {"timing": "imitate"})["before"]
    try:
        yield
    finally:
        connection.ask("POST", "/local/timing", {"timing": before})


def _start_local() -> None:
    global _started
    if os.environ.get(CREDENTIAL) and _started is None:
        raise CookbookError(ONLY_CREDENTIAL)
    if _started is None or _started.process.poll() is not None:
        _started = start(engine=os.environ.get(ENGINE) or None)
    os.environ[ENDPOINT], os.environ[CREDENTIAL] = _started.url, _started.keys[0]


def _look(url: str, model: str, kind: DeploymentKind | None, *, by_address: bool) -> Connection:
    """Request the endpoint's kind and deployment, and a session from a local endpoint."""
    listed = model == default_name()
    found = probe(url, os.environ[CREDENTIAL], kind, list_models=listed, by_address=by_address)
    answer = found.answer
    if answer.status in (401, 403):
        raise CookbookError(f"{url} refused the credential in {CREDENTIAL} ({answer.status}): {answer.message}")
    connection = Connection(url, model, {}, found.kind)
    if answer.headers.get("server") == NAME:
        connection.local = connection.ask("POST", "/local/session", {"deployment": model})
        _trust(connection.local)
    else:
        connection.model = found.model or model
    return connection


def _trust(local: dict[str, str]) -> None:
    """Set the variables by which libraries, curl and Node.js find the local token service and trust its certificate.

    Until `_leave_local`, they cannot use the user's own identity and proxy.
    """
    changes = at_local_endpoint(local)
    for name, value in apply(changes).items():
        _before.setdefault(name, value)
    _changed.update(changes)


def _leave_local(url: str) -> None:
    """Restore the variables that were set for the local endpoint, so that no other endpoint gets its key or tokens."""
    if _current is None or not _current.local or url in (_current.url, _current.local["https_endpoint"]):
        return
    apply({name: value for name, value in _before.items() if os.environ.get(name) == _changed[name]})
    _before.clear()
    _changed.clear()
    if _started and url != _started.url and os.environ.get(CREDENTIAL) == _started.keys[0]:
        del os.environ[CREDENTIAL]


def _describe(connection: Connection) -> str:
    words = "" if connection.kind is SERVERLESS else f" ({connection.kind.words})"
    where = "Local endpoint" if connection.local else connection.url
    engine = connection.local.get("engine")
    answers = f", whose answers are those of {engine}" if engine else ""
    return f"{where}{words}, serving {connection.model}{answers}"


def _name(connection: Connection, model: str) -> str:
    """Set the notebook's parameter `model` to the endpoint's only name, if it has its default. Returns a note on it."""
    main = sys.modules["__main__"]
    if connection.model == model:
        return ""
    if model == default_name() and getattr(main, "model", None) == model:
        main.model = connection.model
        return "; the parameter model has this name now"
    return f"; the parameter model says {model}"
