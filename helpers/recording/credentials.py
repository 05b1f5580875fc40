"""The real credential of a run: a key, or Microsoft Entra ID tokens. It stays in the runner's process."""

from __future__ import annotations

import os
from collections.abc import Callable

from helpers import http
from helpers.entra_id import token_provider
from helpers.errors import CookbookError
from helpers.urls import API_VERSION, CREDENTIAL, check_credential


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
