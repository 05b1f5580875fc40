"""One HTTP request with a time limit, by the standard library alone, which imports faster than a client."""

from __future__ import annotations

import json
import os
import ssl
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
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


def request(method: str, url: str, credential: str, body: Any = None, *, name: str = ENDPOINT) -> Response:
    """Send one request and read its answer, with TIMEOUT seconds for each step.

    Args:
        credential: sent as a bearer credential. It is masked in an error answer that repeats it.
        body: sent as JSON; None sends no body.
        name: the variable or option that holds the address, for the message.

    Raises:
        CookbookError: when no answer comes, or SSL_CERT_FILE holds no certificates.
    """
    base = "/".join(url.split("/")[:3])
    try:
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        with closing(_connection(parts.scheme, parts.hostname, parts.port)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            if answer.status >= 400:  # some services repeat the credential that they refuse
                text = Masker([credential]).text(text)
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
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
