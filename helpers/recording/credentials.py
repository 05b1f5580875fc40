"""The real credential of a run: a key, or Microsoft Entra ID tokens. It stays in the runner's process."""

from __future__ import annotations

import os
from collections.abc import Callable

from helpers import http
from helpers.connecting import SCOPE
from helpers.errors import CookbookError
from helpers.urls import CREDENTIAL, check_credential

_INFO = "/info?api-version=2024-05-01-preview"


def credential_for(url: str) -> Callable[[], str]:
    """What gives the credential for an endpoint, fresh each time it is asked; tried once against the endpoint.

    Raises:
        CookbookError: when there is none, the endpoint refuses it, or nothing answers.
    """
    key = os.environ.get(CREDENTIAL)
    give = (lambda: check_credential(key)) if key is not None else _tokens(url)
    answer = http.request("GET", f"{url}{_INFO}", give())
    if answer.status in (401, 403):
        what = f"the credential in {CREDENTIAL}" if key is not None else "the Microsoft Entra ID token"
        raise CookbookError(f"{url} refused {what} ({answer.status}): {answer.message}")
    return give


def _tokens(url: str) -> Callable[[], str]:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    if not url.startswith("https://"):
        raise CookbookError(
            f"{CREDENTIAL} is not set, and a Microsoft Entra ID token must not travel over plain http. "
            f"Set {CREDENTIAL} to the key, or use the endpoint's https address."
        )
    give = get_bearer_token_provider(DefaultAzureCredential(process_timeout=10), SCOPE)
    try:
        give()
    except ClientAuthenticationError:
        raise CookbookError(
            f"{CREDENTIAL} is not set and no Microsoft Entra ID identity was found. Set it to the endpoint's key, "
            "or sign in with `az login`."
        ) from None
    return give
