"""A virtual endpoint of a test's own, as the fixture `local` gives it."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import AUTHORITIES, ENDPOINT


@dataclass(frozen=True, slots=True)
class Local:
    """One virtual endpoint: its address and key, and what was sent to it."""

    url: str
    key: str

    def exchanges(self, last: int = 1) -> list[dict]:
        return http.request("GET", f"{self.url}/local/exchanges?last={last}", self.key).json()

    def fail(self, **fault: object) -> None:
        assert http.request("POST", f"{self.url}/local/faults", self.key, fault).status == 200

    def session(self, **wanted: object) -> dict[str, str]:
        return http.request("POST", f"{self.url}/local/session", self.key, wanted).json()

    def identity(self, **wanted: object) -> dict[str, str]:
        """The variables of a process that has an identity and no key: as App Service sets them, and whom to trust.

        Args:
            wanted: of the session, such as its token_lifetime in seconds.
        """
        session = self.session(**wanted)
        return {
            ENDPOINT: session["https_endpoint"],
            "IDENTITY_ENDPOINT": session["identity_endpoint"],
            "IDENTITY_HEADER": session["identity_header"],
            **dict.fromkeys(AUTHORITIES, session["authorities"]),
        }

    def token(self, resource: str = "https://ml.azure.com", **wanted: object) -> str:
        """A token, asked for as azure-identity does it."""
        session = self.session(**wanted)
        url = f"{session['identity_endpoint']}?api-version=2019-08-01&resource={quote(resource, safe='')}"
        request = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": session["identity_header"]})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["access_token"]
