"""One HTTP request with a time limit, by the standard library alone, which imports faster than a client."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.errors import CookbookError

TIMEOUT = 10.0  # seconds


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
        """The error message of the answer, in one line."""
        body = self.json()
        message = body.get("message") or body.get("error") if isinstance(body, dict) else None
        message = message.get("message") if isinstance(message, dict) else message
        return " ".join(str(message or self.text[:200]).split())


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
    with _told(url, name), _sent(method, url, credential, body) as (answer, _):
        return _read(answer, credential)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is read as it arrives: status and headers, and path, headers and body of its request."""

    status: int
    headers: dict[str, str]
    path: str
    sent: dict[str, str]
    body: str
    answer: HTTPResponse
    credential: str

    def lines(self) -> Iterator[str]:
        """The body's lines, without their ends."""
        for line in self.answer:
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
    with _told(url, ENDPOINT), _sent("POST", url, credential, body, headers) as (answer, sent):
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
    text = answer.read().decode("utf-8", "replace")
    if answer.status >= 400:  # some services repeat the credential that they refuse
        text = Masker([credential]).text(text)
    return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


@contextmanager
def _told(url: str, name: str) -> Iterator[None]:
    """Turn what can go wrong on the way into one line that names the variable or option that holds the address."""
    base = "/".join(url.split("/")[:3])
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
        raise CookbookError(f"Nothing answers at {base} ({why}). Check {name} and that it is running.") from None


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
