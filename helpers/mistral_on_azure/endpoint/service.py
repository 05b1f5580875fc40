"""What handlers work on: the parts of one endpoint, and the route that led to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.gateway.authentication import TokenService
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Session, Sessions
from mistral_on_azure.endpoint.models.model import Model
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.transport.exchange import Answer, Request


class Service:
    """The parts of one endpoint.

    Args:
        sessions: the keys that are accepted.
        default: the deployment that answers when a request names none; None is the cookbook's.
        tokens: the token service.
        secure: called for the https address and the CA file of this server, when a client first asks.
        model: what answers chat requests; None is the script.
        kind: the kind of deployment that is imitated.
    """

    def __init__(
        self,
        sessions: Sessions,
        default: str | None = None,
        tokens: TokenService | None = None,
        secure: Callable[[], dict[str, str] | Awaitable[dict[str, str]]] = dict,
        model: Model | None = None,
        kind: Kind = SERVERLESS,
    ) -> None:
        self.sessions, self.default = sessions, default or next(iter(kind.deployments()))
        self.tokens, self.secure = tokens or TokenService(), secure
        self.model, self.kind = model or Script(), kind
        self.script = self.model if isinstance(self.model, Script) else Script()


# The session is None on open routes.
Handler = Callable[[Service, Request, Session | None], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and a method: what answers it, and how the OpenAPI document describes it.

    Attributes:
        method: GET, POST or DELETE.
        handler: called for each request.
        summary: what it does, a line.
        answer: the schema of the body it answers with; None for a route that only refuses.
        errors: the statuses it may answer with instead.
        body: the schema of the body it takes.
        asked: the headers and query parameters it reads, by their names among the components.
        streams: whether the answer may come as events.
        open: it is answered without a credential.
        security: the credentials it takes, where they are not those of all routes.
        description: what else is to be known.
        extra: what becomes of extra parameters where no header says; None where the route takes none.
        tag: whether it is of the chat API or the local endpoint's own.
    """

    method: str
    handler: Handler
    summary: str
    answer: str | None
    errors: tuple[int, ...]
    body: str | None = None
    asked: tuple[str, ...] = ()
    streams: bool = False
    open: bool = False
    security: list[dict[str, Any]] | None = None
    description: str = ""
    extra: str | None = None
    tag: str = "chat"


Routes = Mapping[str, Mapping[str, Route]]  # by path, then by method
