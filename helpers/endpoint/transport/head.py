"""The status line and the headers of an answer, as bytes."""

from __future__ import annotations

import random
import time
from email.utils import formatdate
from http import HTTPStatus

from helpers.endpoint.exchange import Answer, Request

NAME = b"cookbook-local-endpoint"  # sent as `server`, which is how a client can tell that it is not on Azure
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
# One id under the three names that the service's gateways and the clients know it by.
_FIXED = (
    b"%b%bserver: " + NAME + b"\r\ndate: %b\r\ncontent-type: %b\r\n"
    b"x-ms-request-id: %b\r\napim-request-id: %b\r\nx-request-id: %b\r\n%b%b\r\n"
)
_CLIENT_ID = "x-ms-client-request-id"  # the client's own id, which comes back as it was sent
_date: tuple[int, bytes] = (0, b"")


def render(answer: Answer, length: bytes, connection: bytes, request: Request | None = None) -> bytes:
    """Write the head of an answer.

    Args:
        length: the header line that says how long the body is.
        connection: the header line that says what becomes of the connection, or nothing.
        request: what is answered; None when it could not be read.
    """
    more = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
    if request is not None and _CLIENT_ID in request.headers:
        more += f"{_CLIENT_ID}: {request.headers[_CLIENT_ID]}\r\n"
    given = _new_id()
    return _FIXED % (
        _STATUS_LINES[answer.status],
        length,
        _now(),
        answer.content_type.encode(),
        given,
        given,
        given,
        more.encode("latin-1", "replace"),
        connection,
    )


def _new_id() -> bytes:
    """An id that names one answer; it need not be hard to guess."""
    digits = b"%032x" % random.getrandbits(128)
    return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _now() -> bytes:
    """The `date` header's value, written once a second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True).encode())
    return _date[1]
