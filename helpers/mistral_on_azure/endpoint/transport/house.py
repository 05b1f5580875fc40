"""What all connections of a server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Answer, Request
from mistral_on_azure.endpoint.transport.heads import Heads
from mistral_on_azure.endpoint.transport.origins import Callers
from mistral_on_azure.endpoint.transport.reader import Limits


@dataclass(slots=True)
class House:
    """What all connections of a server share.

    Attributes:
        answer: the application.
        limits: what a peer may take.
        refusal: writes the answer to a request that never reaches the application, from the error and from what
            headers have arrived.
        admit: raises what a request is refused for by its head alone; asked before a body is waited for.
        callers: which hosts and origins requests may name.
        heads: the requests' heads that were parsed before.
        peers: the open connections.
        held: bytes of bodies that are not whole yet or wait for their turn, of all connections together.
        ending: the server is about to end; each connection closes after the answer it is at.
    """

    answer: Callable[[Request], Answer | Awaitable[Answer]]
    limits: Limits
    refusal: Callable[[ApiError, Mapping[str, str]], Answer]
    admit: Callable[[Request], None] = lambda request: None
    callers: Callers = field(default_factory=Callers)
    heads: Heads = field(default_factory=Heads)
    peers: set[Any] = field(default_factory=set)
    held: int = 0
    ending: bool = False
