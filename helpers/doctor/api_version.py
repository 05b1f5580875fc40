"""The api-version: whether the endpoint takes the one that clients send, and needs any."""

from __future__ import annotations

from helpers.doctor import chatting
from helpers.doctor.examination import INFO, Examination
from helpers.doctor.findings import Finding, note, ok, skipped
from helpers.doctor.refusals import said
from helpers.urls import API_VERSION


def api_version(e: Examination) -> Finding:
    """The same request with the version and without it."""
    path, _, query = e.route.partition("?")
    if e.seen(INFO).status == 200:  # costs no tokens
        sent, unsent = e.get(f"{INFO}?api-version={API_VERSION}"), e.seen(INFO)
    elif query:
        sent, unsent = e.first, e.post(path, chatting.body(e))
    else:
        return skipped(f"{path} takes none")
    if sent.status != 200:
        return note(
            f"{API_VERSION} is refused: {said(sent)}",
            "The Azure SDK sends that one; give its client another: api_version=",
        )
    if unsent.status != 200:
        return note(
            f"{API_VERSION} is taken, and one is needed",
            "Clients that send none, such as LiteLLM with azure_ai/, need it in their URL.",
        )
    return ok(f"{API_VERSION} is taken; none is needed")
