"""How connections end that do not end by themselves: those that take too long, and all of them when the server does."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from helpers.endpoint.errors import ApiError

if TYPE_CHECKING:
    from helpers.endpoint.transport.connection import Connection

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing resets the connection


def check(peer: Connection, now: float) -> None:
    """Called every now and then: end a connection that has taken too long.

    Args:
        peer: the connection.
        now: seconds of the event loop's clock.
    """
    limits = peer.house.limits
    if peer.stream:
        if now - peer.stream.started > limits.stream:
            peer.reset()
    elif peer.closing or peer.congested:
        if now - peer.heard > limits.silence:
            peer.reset()
    elif peer.reader.midway and now - peer.began > limits.request:
        peer.refuse(ApiError(408, "request_timeout", f"The request took over {limits.request:g} s to arrive."))
    elif not peer.reader.midway and now - peer.heard > limits.silence:
        peer.close()


def end(peer: Connection) -> None:
    """The server ends: let go of a connection that has nothing to finish."""
    idle = not peer.stream and not peer.waiting and not peer.reader.midway
    if (peer.closing or idle) and not peer.transport.get_write_buffer_size():
        peer.transport.abort()  # closing would wait: for a client that still sends, or for TLS to say goodbye
    elif idle:
        peer.close()


def reset(transport: asyncio.Transport) -> None:
    """End a connection as a crashed server would: the client sees a reset, not an end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
