"""`Service`, the objects that every handler uses, and `Route`, a row of the table of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.gateway.token_service import TokenService
from mistral_on_azure.endpoint.local.sessions import Session, Sessions
from mistral_on_azure.endpoint.models.model import Model
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.transport.exchange import Answer, Request


class Service:
    """The objects that the handlers of one endpoint share.

    Args:
        sessions: the sessions by the keys that are accepted.
        default: the deployment that answers when a request names none; None is the first one of the kind.
        tokens: issues and checks Microsoft Entra ID tokens.
        model: generates completions; None is the script.
        kind: the kind of deployment to imitate.

    Attributes:
        secure: returns the https address, the token service's address and the path of the CA file; `Server` sets it.
    """

    secure: Callable[[], dict[str, str] | Awaitable[dict[str, str]]] = dict

    def __init__(
        self,
        sessions: Sessions,
        default: str | None = None,
        tokens: TokenService | None = None,
        model: Model | None = None,
        kind: Kind = SERVERLESS,
    ) -> None:
        self.sessions, self.default = sessions, default or next(iter(kind.deployments()))
        sessions.new_quota = kind.quota
        self.tokens, self.model, self.kind = tokens or TokenService(), model or Script(), kind


# Arguments: the service, the request, and the session of its credential; None on routes that need no credential.
Handler = Callable[[Service, Request, Session | None], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """The handler of a method on a path, and its description for the OpenAPI document.

    Attributes:
        method: GET, POST or DELETE.
        handler: called for each request.
        summary: one line for the document.
        answer: name of the schema of the response body; None for a route that has no 200 or no fixed schema.
        errors: the error statuses that the route may send.
        body: name of the schema of the request body; None for none.
        asked: names of the headers and query parameters that it reads, among the document's components.
        streams: whether the response may be a stream of server-sent events.
        open: whether the route needs no credential.
        security: the accepted credentials, where they differ from those of all other routes.
        description: further sentences for the document.
        extra: the default of the header `extra-parameters`; None where the route does not read it.
        tag: "chat" for the chat API, "local" for the local endpoint's own routes.
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
