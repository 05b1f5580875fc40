"""Routes: which handler answers which path. `ROUTES` is the one table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mistral_on_azure.endpoint.gateway.api_errors import ApiError
from mistral_on_azure.endpoint.local import handlers
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.serving import info
from mistral_on_azure.endpoint.serving.chat import azure_chat, openai_chat, score
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

if TYPE_CHECKING:
    from mistral_on_azure.endpoint.serving.application import Application


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path and a method."""

    handler: Callable[[Application, Request, Session], Answer]
    open: bool = False  # answered without a credential


def find(request: Request) -> Route:
    """The route of a request. HEAD is answered as GET is, by a transport that leaves the body out.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known one with the wrong method.
    """
    methods = ROUTES.get(request.path)
    if methods is None:
        raise ApiError(404, "not_found", f"There is no route {request.path} here.{_hint(request.path)}")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allowed = ", ".join(methods)
        raise ApiError(
            405, "method_not_allowed", f"{request.path} answers {allowed} only.", headers=(("allow", allowed),)
        )
    return route


def _hint(path: str) -> str:
    """What was probably meant by a path that is no route. Slashes too many come from an endpoint that ends in one."""
    plain = re.sub("/+", "/", path).rstrip("/")
    if plain in ROUTES:
        return f" Without the slash too many it is {plain}; an endpoint's address does not end in a slash."
    return _HINTS.get(plain.rsplit("/", 1)[-1], "")


_HINTS = {
    "completions": " Chat completions are at /chat/completions, or at /v1/chat/completions for the OpenAI SDK.",
    "v1": " '/v1' is the base for the OpenAI SDK, not a route of its own.",
}

ROUTES: dict[str, dict[str, Route]] = {
    "/info": {"GET": Route(info.info)},
    "/chat/completions": {"POST": Route(azure_chat)},
    "/models/chat/completions": {"POST": Route(openai_chat)},
    "/v1/chat/completions": {"POST": Route(openai_chat)},
    "/v1/models": {"GET": Route(info.models)},
    "/score": {"POST": Route(score)},
    "/openapi.json": {"GET": Route(handlers.openapi, open=True)},
    "/local/identity/token": {"GET": Route(handlers.token, open=True)},
    "/local/session": {"POST": Route(handlers.session), "GET": Route(handlers.spent)},
    "/local/exchanges": {"GET": Route(handlers.exchanges)},
    "/local/faults": {
        "POST": Route(handlers.ask_faults),
        "GET": Route(handlers.faults),
        "DELETE": Route(handlers.forget_faults),
    },
    "/local/timing": {"POST": Route(handlers.set_timing)},
}
