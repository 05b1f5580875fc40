"""The status line and the headers of an answer, as bytes."""

from __future__ import annotations

import itertools
import time
import uuid
from email.utils import formatdate
from http import HTTPStatus

from helpers.endpoint import NAME
from helpers.endpoint.exchange import Answer, Request, lines

_SAME = b"%bserver: " + NAME.encode() + b"\r\ndate: %b\r\ncontent-type: %b\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
# One id under the three names that the service's gateways and the clients know it by.
_HEAD = b"%b%bx-ms-request-id: %b\r\napim-request-id: %b\r\nx-request-id: %b\r\n%b%b\r\n"
_CLIENT_ID = "x-ms-client-request-id"  # the client's own id, which comes back as it was sent
_series, _places = str(uuid.uuid4()).encode()[:-13], itertools.count(1)  # ids of this process, which count up
_second, _beginnings = 0, {}  # what `_beginning` has made in this second


def render(answer: Answer, length: bytes, connection: bytes, request: Request | None = None) -> bytes:
    """Write the head of an answer.

    Args:
        length: the header line that says how long the body is.
        connection: the header line that says what becomes of the connection, or nothing.
        request: what is answered; None when it could not be read.
    """
    more = answer.headers
    if request is not None and _CLIENT_ID in request.headers:
        more += lines(((_CLIENT_ID, request.headers[_CLIENT_ID]),))
    given = b"%b-%012x" % (_series, next(_places))
    return _HEAD % (_beginning(answer.status, answer.content_type), length, given, given, given, more, connection)


def _beginning(status: int, content_type: str) -> bytes:
    """The lines that are the same in all such answers of a second."""
    global _second, _beginnings
    second = int(time.time())
    if _second != second:
        _second, _beginnings = second, {}
    made = _beginnings.get((status, content_type))
    if made is None:
        date = formatdate(second, usegmt=True).encode()
        made = _beginnings[status, content_type] = _SAME % (_STATUS_LINES[status], date, content_type.encode())
    return made
