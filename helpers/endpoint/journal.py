"""The journal: the last exchanges of a session, for the wire view. A bounded ring, so it never grows."""

from __future__ import annotations

from collections import deque
from typing import Any

from helpers.endpoint.exchange import Answer, Request, fields

KEPT = 64  # exchanges
KEPT_BYTES = 4 * 1024 * 1024  # of what was sent and answered, all of a session's exchanges together
_SECRET_HEADERS = {"authorization", "api-key", "x-api-key", "cookie", "x-identity-header", "proxy-authorization"}


class Journal:
    """The last exchanges, oldest first."""

    def __init__(self) -> None:
        self._ring: deque[tuple[float, Request, Answer, int]] = deque()
        self._bytes = 0

    def add(self, at: float, request: Request, answer: Answer) -> None:
        """Keep an exchange, and let go of the oldest ones that there is no more room for. The last one always stays."""
        ring, size = self._ring, len(request.body) + _size(answer)
        ring.append((at, request, answer, size))
        self._bytes += size
        while len(ring) > KEPT or (self._bytes > KEPT_BYTES and len(ring) > 1):
            self._bytes -= ring.popleft()[3]

    def last(self, how_many: int) -> list[dict[str, Any]]:
        """The last exchanges as plain data, credentials masked. `at` is in seconds of the server's clock."""
        return [_describe(*exchange[:3]) for exchange in list(self._ring)[-how_many:]]


def _size(answer: Answer) -> int:
    """Bytes of an answer. Events are much alike, so a stream is measured by its middle one."""
    events = answer.events
    return len(answer.body) if not events else len(events) * len(events[len(events) // 2])


def _describe(at: float, request: Request, answer: Answer) -> dict[str, Any]:
    sent = b"".join(answer.events) if answer.events is not None else answer.body
    never_came = answer.cut == 0
    return {
        "at": at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": {name: _mask(name, value) for name, value in request.headers.items()},
        "body": request.body.decode("utf-8", "replace"),
        "status": None if never_came else answer.status,
        "answer_headers": {} if never_came else fields(answer.headers),
        "answer": sent[: answer.cut].decode("utf-8", "replace"),
        "note": answer.note,
    }


def _mask(name: str, value: str) -> str:
    """Hide a credential: the scheme stays, the secret becomes three asterisks."""
    if name not in _SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space and scheme.lower() in ("bearer", "basic") else "***"
