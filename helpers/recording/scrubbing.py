"""Taking credentials and a tenant's data out of what is recorded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from helpers.recording.headers import CREDENTIALS
from helpers.running.masking import MASK, Masker

HOST = "endpoint.example"
# What an answer needs for a client to behave as it did; everything else may tell who and where.
_REQUEST_HEADERS = {"content-type", "extra-parameters", "azureml-model-deployment"}
_ANSWER_HEADERS = {"content-type", "retry-after", "retry-after-ms", "x-ms-error-code", "allow"}
_ANSWER_PREFIXES = ("x-ratelimit-",)
_ID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_AZURE_HOST = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:azure\.(?:com|net|us|cn)|azureml\.(?:net|ms)|windows\.net|azurewebsites\.net"
    r"|onmicrosoft\.com|usgovcloudapi\.net|chinacloudapi\.cn)\b"
)
_RESOURCE = re.compile(
    r"(?i)(/(?:resourceGroups|workspaces|onlineEndpoints|deployments|accounts|projects|users)/)[^/\s\"'?\\]+"
)


class Scrubber:
    """Replaces what nobody else may know.

    Args:
        secrets: credentials to mask.
        hosts: names of the endpoint.
    """

    def __init__(self, secrets: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._masker = Masker(secrets)
        self._hosts = re.compile("|".join(re.escape(host) for host in hosts if host) or r"(?!)", re.IGNORECASE)

    def text(self, text: str) -> str:
        """A text without credentials, host names, ids of tenants and the like, mail addresses or resources' names."""
        text = self._hosts.sub(HOST, self._masker.text(text))
        text = _RESOURCE.sub(rf"\1{MASK}", text)
        text = _MAIL.sub("someone@example.com", _AZURE_HOST.sub(HOST, text))
        return _ID.sub(lambda found: _pseudonym(found.group()), text)

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._kept(headers, _REQUEST_HEADERS, ())

    def answer_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._kept(headers, _ANSWER_HEADERS, _ANSWER_PREFIXES)

    def _kept(self, headers: Mapping[str, str], names: set[str], prefixes: tuple[str, ...]) -> dict[str, str]:
        lower = {name.lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in lower.items() if name in names or name.startswith(prefixes or ("\n",))}
        return {name: self.text(value) for name, value in sorted(kept.items())}


def credential_kind(headers: Mapping[str, str], own: bool) -> str:
    """What a request was sent with: the run's `own` credential, some `other`, or `none`."""
    if own:
        return "own"
    return "other" if any(name in headers for name in CREDENTIALS) else "none"


def _pseudonym(identifier: str) -> str:
    """An id that is the same for the same id, and tells nothing of it."""
    return f"00000000-0000-0000-0000-{hashlib.sha256(identifier.lower().encode()).hexdigest()[:12]}"
