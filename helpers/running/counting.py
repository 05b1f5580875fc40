"""How many calls a notebook made to the local endpoint and what they cost, as the endpoint itself counted."""

from __future__ import annotations

from helpers import http
from helpers.errors import CookbookError
from helpers.running.usage import Usage


def of_session(url: str, key: str) -> Usage | None:
    """The usage of one key's session, None when the endpoint is gone."""
    try:
        spent = http.request("GET", f"{url}/local/session", key).json()
    except CookbookError:
        return None
    return Usage(spent["calls"], spent["prompt_tokens"], spent["completion_tokens"])
