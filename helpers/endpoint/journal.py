"""The journal: the last exchanges of a session, for the wire view. A bounded ring, so it never grows."""

from __future__ import annotations

from collections import deque
from typing import Any

from helpers.endpoint.exchange import Answer, Request

KEPT = 64  # exchanges
_SECRET_HEADERS = {"authorization", "api-key", "x-api-key", "cookie", "x-identity-header"}


class Journal:
    """The last exchanges, oldest first."""

    def __init__(self) -> None:
        self._ring: deque[tuple[float, Request, Answer]] = deque(maxlen=KEPT)

    def add(self, at: float, request: Request, answer: Answer) -> None:
        self._ring.append((at, request, answer))

    def last(self, how_many: int) -> list[dict[str, Any]]:
        """The last exchanges as plain data, credentials masked. `at` is in seconds of the server's clock."""
        return [_describe(*exchange) for exchange in list(self._ring)[-how_many:]]


def _describe(at: float, request: Request, answer: Answer) -> dict[str, Any]:
    sent = b"".join(answer.events) if answer.events is not None else answer.body
    return {
        "at": at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": {name: mask(name, value) for name, value in request.headers.items()},
        "body": request.body.decode("utf-8", "replace"),
        "status": answer.status,
        "answer_headers": dict(answer.headers),
        "answer": sent.decode("utf-8", "replace"),
        "note": answer.note,
    }


def mask(name: str, value: str) -> str:
    """Hide a credential: the scheme stays, the secret becomes three asterisks."""
    if name not in _SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space else "***"
