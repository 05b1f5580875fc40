"""The headers that are forwarded, and the real credential, which stays in the runner's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from multidict import CIMultiDict

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, check_credential
from mistral_on_azure.azure.deployment_kinds import DeploymentKind
from mistral_on_azure.azure.entra_id import token_provider
from mistral_on_azure.azure.http import first_path
from mistral_on_azure.endpoint.gateway.authentication import looks_like_token
from mistral_on_azure.errors import CookbookError


def credential_for(url: str, kind: DeploymentKind | None = None) -> Callable[[], str]:
    """A function that returns the credential for an endpoint, which is tried first on a request that uses no tokens.

    Args:
        url: the endpoint's address without a route.
        kind: the kind of deployment, where it is known.

    Raises:
        CookbookError: when there is no credential, the endpoint refuses it, or no answer comes.
    """
    key = os.environ.get(CREDENTIAL)
    give = (lambda: check_credential(key)) if key is not None else token_provider(url, kind.scope if kind else "")
    answer = http.request("GET", url + first_path(kind), give())
    if answer.status in (401, 403):
        what = f"the credential in {CREDENTIAL}" if key is not None else "the Microsoft Entra ID token"
        raise CookbookError(f"{url} refused {what} ({answer.status}): {answer.message}")
    return give


CREDENTIALS = ("authorization", "api-key", "x-api-key")
# Headers that are about one connection (RFC 9110, section 7.6.1), and are not forwarded.
_OF_A_CONNECTION = {
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip


def holds(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request's credential is this key."""
    return any(_bare(headers.get(name, "")) == key for name in CREDENTIALS)


def is_the_jobs(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request is the job's: it has the door's key, or a token that the job's own identity got.

    No page in a browser and no other program has either. Requests without them do not count as the job's usage.
    """
    return holds(headers, key) or looks_like_token(_bare(headers.get("authorization", "")))


def outgoing(headers: Mapping[str, str], key: str, credential: str) -> CIMultiDict[str]:
    """The headers for the real endpoint. The door's key is replaced by the real credential; any other key is forwarded.

    A notebook that shows the answer to a wrong key needs the endpoint to receive the wrong key.
    """
    sent = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION)
    sent["Accept-Encoding"] = "identity"  # the usage in a compressed answer could not be read
    for name in CREDENTIALS:
        if name in sent and _bare(sent[name]) == key:
            if name != "authorization" and looks_like_token(credential):
                del sent[name]  # a token is sent in the Authorization header only
            else:
                sent[name] = sent[name].replace(key, credential)
    return sent


def incoming(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers for the notebook. `server` is left out, since connect() knows the local endpoint by it."""
    left_out = _OF_A_CONNECTION | {"server", "content-encoding", "date"}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def _bare(value: str) -> str:
    """A credential without its scheme."""
    return value.rpartition(" ")[2]
