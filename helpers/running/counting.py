"""How many calls a notebook made to the local endpoint and what they cost, as the endpoint itself counted."""

from __future__ import annotations

import json
from typing import Any

from helpers import http
from helpers.errors import CookbookError
from helpers.running.usage import Usage

_RING = 64  # exchanges that the endpoint keeps


def of_session(url: str, key: str) -> Usage | None:
    """The usage of one key's session, None when the endpoint is gone."""
    try:
        answer = http.request("GET", f"{url}/local/session", key)
        if answer.status == 200 and "calls" in (answer.json() or {}):
            session = answer.json()
            return Usage(session["calls"], session["prompt_tokens"], session["completion_tokens"])
        exchanges = http.request("GET", f"{url}/local/exchanges?last=1000", key).json()
    except CookbookError:
        return None
    return _of_exchanges(exchanges)


def _of_exchanges(exchanges: list[dict[str, Any]]) -> Usage:
    """The usage of the exchanges that the endpoint remembers; older ones are forgotten, so a full ring is no count."""
    found = [usage_in(exchange["answer"]) or {} for exchange in exchanges]
    prompt, completion = (
        sum(usage.get(name) or 0 for usage in found) for name in ("prompt_tokens", "completion_tokens")
    )
    return Usage(len(exchanges), prompt, completion, exact=len(exchanges) < _RING)


def usage_in(body: str) -> dict[str, int] | None:
    """The usage that an answer states, whole or in the chunks of a stream."""
    events = [line[6:] for line in body.splitlines() if line.startswith("data: {")] if body[:5] == "data:" else [body]
    for event in reversed(events):
        try:
            usage = json.loads(event).get("usage")
        except (ValueError, AttributeError):
            continue
        if usage:
            return usage
    return None
