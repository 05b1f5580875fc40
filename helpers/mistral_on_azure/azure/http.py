"""One bounded HTTP request, for looking at an endpoint before a client does. Standard library only: it imports fast."""

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
    """Status, headers (lower-case names) and text of an answer."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """What the service says went wrong, in one line."""
        body = self.json()
        said = body.get("message") or body.get("error") if isinstance(body, dict) else None
        said = said.get("message") if isinstance(said, dict) else said
        return " ".join(str(said or self.text[:200]).split())


def request(method: str, url: str, credential: str, body: Any = None, *, name: str = ENDPOINT) -> Response:
    """Send one request and read its answer, waiting at most TIMEOUT for each step.

    Args:
        credential: sent as a bearer credential; it never appears in an error, not even where the answer repeats it.
        name: what the address was set by, for the message.

    Raises:
        CookbookError: when nothing answers, says what was tried and what to check; or when SSL_CERT_FILE is no file of
            certificates.
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
            if answer.status >= 400:  # some say again what they refuse
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
    """Whom to trust: the certificates in a file, or this machine's authorities."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError:
        raise CookbookError(
            f"SSL_CERT_FILE is {file!r}, which holds no certificates that can be read. Set it to a .pem file with your "
            "company's authority and the public ones, or unset it."
        ) from None
