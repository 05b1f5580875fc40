"""Which headers cross from one side to the other, and the real credential, which stays in the runner's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from multidict import CIMultiDict

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import API_VERSION, CREDENTIAL, check_credential
from mistral_on_azure.azure.entra_id import token_provider
from mistral_on_azure.endpoint.gateway.authentication import looks_like_token
from mistral_on_azure.errors import CookbookError


def credential_for(url: str) -> Callable[[], str]:
    """What gives the credential for an endpoint, fresh each time it is asked; tried once against the endpoint.

    Raises:
        CookbookError: when there is none, the endpoint refuses it, or nothing answers.
    """
    key = os.environ.get(CREDENTIAL)
    give = (lambda: check_credential(key)) if key is not None else token_provider(url)
    answer = http.request("GET", f"{url}/info?api-version={API_VERSION}", give())
    if answer.status in (401, 403):
        what = f"the credential in {CREDENTIAL}" if key is not None else "the Microsoft Entra ID token"
        raise CookbookError(f"{url} refused {what} ({answer.status}): {answer.message}")
    return give


CREDENTIALS = ("authorization", "api-key", "x-api-key")
# Headers of one connection, which mean nothing on the next.
_OF_A_CONNECTION = {
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def holds(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request was sent with this key."""
    return any(_bare(headers.get(name, "")) == key for name in CREDENTIALS)


def is_the_jobs(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request is the job's: it has the door's key, or a token that the job's own identity got.

    No page in a browser and no other program has either. What is sent without counts for nothing.
    """
    return holds(headers, key) or looks_like_token(_bare(headers.get("authorization", "")))


def outgoing(headers: Mapping[str, str], key: str, credential: str) -> CIMultiDict[str]:
    """The headers for the real endpoint: the door's key becomes the real credential, any other stays what it is.

    A wrong key has to arrive as wrong as it was sent, for a notebook that shows what happens then.
    """
    sent = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION)
    sent["Accept-Encoding"] = "identity"  # a compressed answer could not be read for its usage as it passes
    for name in CREDENTIALS:
        if name in sent and _bare(sent[name]) == key:
            if name != "authorization" and looks_like_token(credential):
                del sent[name]  # a token is no key; it goes with the Authorization header alone
            else:
                sent[name] = sent[name].replace(key, credential)
    return sent


def incoming(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers for the notebook. `server` goes: who answers through a door is not to be taken for the local one."""
    left_out = _OF_A_CONNECTION | {"server", "content-encoding", "date"}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def _bare(value: str) -> str:
    """A credential without its scheme."""
    return value.rpartition(" ")[2]
