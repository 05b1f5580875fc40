"""Connecting: find the endpoint or start the local one, and set the two environment variables for the clients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import (
    API_VERSION,
    CREDENTIAL,
    ENDPOINT,
    SECURE_ENDPOINT,
    check_credential,
    check_endpoint,
)
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.entra_id import NoToken, token_provider
from mistral_on_azure.azure.offline import Changes, apply, at_local_endpoint
from mistral_on_azure.catalog.parameters import check_parameters
from mistral_on_azure.endpoint import NAME
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.errors import CookbookError


@dataclass(slots=True)
class Connection:
    """The endpoint this process talks to.

    Attributes:
        url: the base URL.
        model: the deployment that the endpoint names; else the one that was asked for.
        local: the answer of the local endpoint's `/local/session`; empty for any other endpoint.
    """

    url: str
    model: str
    local: dict[str, str]

    def ask(self, method: str, route: str, body: Any = None) -> Any:
        """Call a route of the local endpoint's own, and return its answer as JSON.

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
_before: Changes = {}  # the earlier values of variables that are changed for a local endpoint
_changed: Changes = {}  # and their values there


def connect(endpoint: str = "", model: str = "") -> None:
    """Check AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL, or start the local endpoint and set them.

    The notebook's parameters are checked against their types, too.

    Args:
        endpoint: the endpoint's base URL; empty means AZURE_INFERENCE_ENDPOINT or, where that is unset, the local
            endpoint.
        model: the deployment's name; empty means the cookbook's default.

    Raises:
        CookbookError: one line on what is wrong and what to change.
    """
    global _current
    model = model or default_name()
    check_parameters()
    if endpoint:
        os.environ[ENDPOINT] = endpoint
    if not os.environ.get(ENDPOINT):
        _start_local()
    url = check_endpoint(os.environ[ENDPOINT])
    _leave_local(url)
    if CREDENTIAL not in os.environ:
        os.environ[CREDENTIAL] = token_provider(url)()  # a bearer credential as the key is
    check_credential(os.environ[CREDENTIAL])
    _current = _look(url, model)
    print(_describe(_current, model))


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

    On the local endpoint this sets AZURE_INFERENCE_ENDPOINT to the https address, because tokens must not travel over
    plain http. On Azure the address stays as it is, and a token is requested to find out whether there is an identity.
    """
    connection = current()
    if connection.local:
        os.environ[ENDPOINT] = connection.local["https_endpoint"]
        print("Microsoft Entra ID: the local endpoint's token service, over https.")
        return True
    # Behind a proxy that counts calls, the endpoint's https address is the proxy's.
    secure = os.environ.get(SECURE_ENDPOINT, connection.url)
    try:
        token_provider(secure)
    except NoToken as error:
        print(f"Microsoft Entra ID: not used here, the key stays in use: {error.why}.")
        return False
    os.environ[ENDPOINT] = secure
    print("Microsoft Entra ID: DefaultAzureCredential found an identity.")
    return True


def use_key() -> None:
    """Go back to the endpoint's address as it was before `use_entra_id`."""
    os.environ[ENDPOINT] = current().url


def _start_local() -> None:
    global _started
    if os.environ.get(CREDENTIAL) and _started is None:
        raise CookbookError(f"{CREDENTIAL} is set but {ENDPOINT} is not. Set both, or neither for the local endpoint.")
    if _started is None or _started.process.poll() is not None:
        _started = start()
    os.environ[ENDPOINT], os.environ[CREDENTIAL] = _started.url, _started.keys[0]


def _look(url: str, model: str) -> Connection:
    """Ask the endpoint for its deployment, and the local endpoint for its session."""
    key = os.environ[CREDENTIAL]
    answer = http.request("GET", f"{url}/info?api-version={API_VERSION}", key)
    if answer.status in (401, 403):
        raise CookbookError(f"{url} refused the credential in {CREDENTIAL} ({answer.status}): {answer.message}")
    connection = Connection(url, model, {})
    if answer.headers.get("server") == NAME:
        connection.local = connection.ask("POST", "/local/session", {"deployment": model})
        _trust(connection.local)
    elif answer.status == 200:
        info = answer.json()
        connection.model = (info.get("model_name") if isinstance(info, dict) else None) or model
    return connection


def _trust(local: dict[str, str]) -> None:
    """Set the variables by which libraries, curl and Node.js find the local token service and trust its certificate.

    The user's own identity and proxy are out of their reach until `_leave_local`.
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
    if _started and os.environ.get(CREDENTIAL) == _started.keys[0]:
        del os.environ[CREDENTIAL]


def _describe(connection: Connection, model: str) -> str:
    if connection.local:
        return f"Local endpoint, serving {connection.model}"
    line = f"{connection.url}, serving {connection.model}"
    return line if connection.model == model else f"{line}; the parameter model says {model}"
