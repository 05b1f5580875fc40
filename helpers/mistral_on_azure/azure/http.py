"""One HTTP request with a time limit, by the standard library alone, which imports faster than an HTTP client.

`probe` asks an endpoint what it is: its kind and its model, in one request, or two where the first names no model.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mistral_on_azure.azure.addresses import API_VERSION, ENDPOINT, shown
from mistral_on_azure.azure.deployments import FOUNDRY, MANAGED, SERVERLESS, DeploymentKind, deployments, kind_answered
from mistral_on_azure.errors import CookbookError

TIMEOUT = 10.0  # seconds
# Bytes of a body, or of a line of a stream. The log probabilities of a whole vocabulary take several million.
_LARGEST = 64_000_000
_LONGEST_MESSAGE = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, headers (names in lower case) and body as text."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body parsed as JSON; None for any other body."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """The error message of the answer, in one line of at most 1,000 printable characters."""
        body = self.json()
        message = body.get("message") or body.get("error") if isinstance(body, dict) else None
        message = message.get("message") if isinstance(message, dict) else message
        line = " ".join(str(message or self.text[:200])[:_LONGEST_MESSAGE].split())
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)


def object_of(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a text, such as an event of a stream; empty for any other text."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def request(method: str, url: str, credential: str, body: Any = None, *, name: str = ENDPOINT) -> Response:
    """Send one request and read its answer, with TIMEOUT seconds for each step.

    Args:
        credential: sent as a bearer credential. It is masked in an error answer that repeats it.
        body: sent as JSON; None sends no body.
        name: the variable or option that holds the address, for the message.

    Raises:
        CookbookError: when no answer comes, or SSL_CERT_FILE holds no certificates.
    """
    with _errors_in_one_line(url, name), _sent(method, url, credential, body) as (answer, _):
        return _read(answer, credential)


class Streamed(NamedTuple):
    """An answer whose body is read as it arrives: status and headers, and path, headers and body of its request."""

    status: int
    headers: dict[str, str]
    path: str
    sent: dict[str, str]
    body: str
    answer: HTTPResponse
    credential: str

    def __repr__(self) -> str:
        return f"Streamed({self.status!r}, {self.path!r})"  # the request's headers hold the credential

    def lines(self) -> Iterator[str]:
        """The body's lines, without their ends."""
        while line := self.answer.readline(_LARGEST):
            yield line.decode("utf-8", "replace").rstrip("\r\n")

    def whole(self) -> Response:
        """The whole body at once."""
        return _read(self.answer, self.credential)


@contextmanager
def stream(url: str, credential: str, body: Any, headers: dict[str, str]) -> Iterator[Streamed]:
    """Send a POST request and read its answer as it arrives, with TIMEOUT seconds for each step.

    Args:
        headers: sent besides those of every request.

    Raises:
        CookbookError: when no answer comes or it breaks off, or SSL_CERT_FILE holds no certificates.
    """
    with _errors_in_one_line(url, ENDPOINT), _sent("POST", url, credential, body, headers) as (answer, sent):
        received = {name.lower(): value for name, value in answer.getheaders()}
        yield Streamed(answer.status, received, urlsplit(url).path, sent, json.dumps(body), answer, credential)


@contextmanager
def _sent(
    method: str, url: str, credential: str, body: Any, more: dict[str, str] | None = None
) -> Iterator[tuple[HTTPResponse, dict[str, str]]]:
    """Send a request; yields its answer and the headers that were sent."""
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json", **(more or {})}
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    with closing(_connection(parts.scheme, parts.hostname, parts.port)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        yield connection.getresponse(), headers


def _read(answer: HTTPResponse, credential: str) -> Response:
    """Read a body of at most _LARGEST bytes within TIMEOUT seconds, however slowly it arrives.

    Raises:
        TimeoutError: when the body takes longer.
        CookbookError: when the body is larger.
    """
    body, ends = bytearray(), time.monotonic() + TIMEOUT
    while piece := answer.read1(_LARGEST):
        body += piece
        if len(body) > _LARGEST:
            raise CookbookError(
                f"An answer of {ENDPOINT} has more than {_LARGEST:,} bytes, which no model needs. Check the address."
            )
        if time.monotonic() > ends:
            raise TimeoutError
    text = body.decode("utf-8", "replace")
    if answer.status >= 400:  # some services repeat the credential that they refuse
        from mistral_on_azure.azure.masking import Masker

        text = Masker([credential]).text(text)
    return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


@contextmanager
def _errors_in_one_line(url: str, name: str) -> Iterator[None]:
    """Turn an error of the connection into one line that names the variable or option that holds the address."""
    base = shown("/".join(url.split("/")[:3]))
    try:
        yield
    except TimeoutError:
        raise CookbookError(
            f"{base} did not answer within {TIMEOUT:g} s. Check {name}, your network, and that the deployment runs."
        ) from None
    except ssl.SSLError as error:
        raise CookbookError(f"{base} has no TLS certificate that can be trusted ({error.reason}). Check it.") from None
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        more = " `cookbook doctor` looks for the cause." if name == ENDPOINT else ""
        raise CookbookError(f"Nothing answers at {base} ({why}). Check {name} and that it is running.{more}") from None


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=TIMEOUT, context=_trust(os.environ.get("SSL_CERT_FILE")))
    return HTTPConnection(host, port, timeout=TIMEOUT)


def _trust(file: str | None) -> ssl.SSLContext:
    """Trust the certificates in a file, or without one this machine's authorities."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError:
        raise CookbookError(
            f"SSL_CERT_FILE is {file!r}, which holds no certificates that can be read. Set it to a .pem file with your "
            "company's authority and the public ones, or unset it."
        ) from None


class Probe(NamedTuple):
    """An endpoint's kind and model, from its answers.

    Attributes:
        kind: the given kind, or the one that the answer shows; serverless where it shows none.
        answer: the first answer.
        model: the endpoint's only model; empty where it names none or several. A name by which managed compute's
            container calls one of the cookbook's models is replaced by the deployment's name.
    """

    kind: DeploymentKind
    answer: Response
    model: str


def probe(
    base: str, credential: str, kind: DeploymentKind | None = None, *, list_models: bool = True, by_address: bool = True
) -> Probe:
    """Find out an endpoint's kind and model, with TIMEOUT seconds for each of at most three requests.

    Args:
        base: its address without a route.
        kind: its kind, where it is known; None takes the kind from the answer.
        list_models: whether to ask for the list of models where `/info` names none.
        by_address: whether the kind is known by the address alone. Then an answer that tells another one counts.

    Raises:
        CookbookError: when no answer comes to the first request.
    """
    path = first_path(kind)
    first = request("GET", base + path, credential)
    found = kind or kind_answered(first.status, first.headers, first.json()) or SERVERLESS
    if first.status in (401, 403):
        return Probe(found, first, "")
    if kind is FOUNDRY and by_address and first.status in (404, 424):
        other = probe(base, credential, list_models=list_models)
        if other.kind is MANAGED or _of_info(other.answer.json()):
            return other
    if kind is FOUNDRY:
        return Probe(found, first, _only_one(first))
    model = _of_info(first.json()) if first.status == 200 else ""
    if model or not (list_models or found is FOUNDRY):
        return Probe(found, first, model)
    listed = _listed(base + found.openai_path, credential)
    if found is FOUNDRY and (listed is None or listed.status == 404):
        found = SERVERLESS  # another service of Azure's without /info, whose 404 has the same body
    return Probe(found, first, _only_one(listed))


def first_path(kind: DeploymentKind | None) -> str:
    """The path of the first request: `/info`, or the list of models on a Foundry resource, which has no `/info`."""
    return f"{FOUNDRY.openai_path}/models" if kind is FOUNDRY else f"/info?api-version={API_VERSION}"


def deployment_behind(name: str, provider: str) -> str:
    """The deployment whose model has this name in managed compute's container; the given name where there is none."""
    rows = [row for row in deployments().values() if row.container_name == name]
    exact = [row.name for row in rows if row.container_provider == provider]
    return (exact or [row.name for row in rows] or [name])[0]


def _of_info(body: Any) -> str:
    fields = body if isinstance(body, dict) else {}
    name, provider = fields.get("model_name"), fields.get("model_provider_name")
    return deployment_behind(name, str(provider or "")) if isinstance(name, str) else ""


def _listed(openai: str, credential: str) -> Response | None:
    try:
        return request("GET", f"{openai}/models", credential)
    except CookbookError:
        return None


def _only_one(answer: Response | None) -> str:
    body = answer.json() if answer and answer.status == 200 else None
    rows = body.get("data") if isinstance(body, dict) else None
    names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""
