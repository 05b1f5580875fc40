"""What all connections of a server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from helpers.endpoint.exchange import Answer, Request
from helpers.endpoint.transport.heads import Heads
from helpers.endpoint.transport.limits import Limits


@dataclass(slots=True)
class House:
    """The application, the limits and the guests.

    Attributes:
        answer: the application.
        limits: what a peer may take.
        heads: the requests' heads that were parsed before.
        peers: the open connections.
        ending: the server is about to end; each connection closes after the answer it is at.
    """

    answer: Callable[[Request], Answer | Awaitable[Answer]]
    limits: Limits
    heads: Heads = field(default_factory=Heads)
    peers: set[Any] = field(default_factory=set)
    ending: bool = False
