"""The application: finds the route of a request, authenticates it, and calls the route's handler.

The table of routes has the handler of each path and method, and its description for the OpenAPI document. A kind of
deployment maps its paths to rows of `OPERATIONS`. `LOCAL` has the paths that every local endpoint has.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from dataclasses import replace
from functools import cache
from typing import Any

from mistral_on_azure.endpoint.api_errors import NO_RESPONSES, ApiError
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.service import Handler, Route, Routes, Service
from mistral_on_azure.endpoint.serving import handlers
from mistral_on_azure.endpoint.serving.chat import chat
from mistral_on_azure.endpoint.transport.contents import json_answer
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_log = logging.getLogger(__name__)

_ALWAYS = (400, 403, 408, 413, 417, 431, 500, 503)  # error statuses of every route
_KNOWN = (*_ALWAYS, 401)  # error statuses of every route that needs a credential
_CHAT = (*_KNOWN, 404, 410, 415, 422, 424, 429, 502, 504)
_ASKED_OF_CHAT = ("api-version", "azureml-model-deployment", "x-local-fault", "x-local-timing")


def _document(service: Service, request: Request, session: None) -> Answer:
    """This document; it needs no credential"""
    return _encoded_document(service.kind)


@cache
def _encoded_document(kind: Kind) -> Answer:
    return json_answer(document(kind))


def _container(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    return _managed().answer(service, request, session)


@cache
def _managed() -> Any:
    """The handlers of managed compute. They import pydantic, which takes half a second, so other kinds do without."""
    from mistral_on_azure.endpoint.serving import managed_routes

    return managed_routes


OPERATIONS: dict[str, Route] = {
    "chat": Route(
        "POST",
        chat,
        "A chat completion",
        "ChatCompletion",
        _CHAT,
        "ChatCompletionRequest",
        _ASKED_OF_CHAT,
        streams=True,
    ),
    "info": Route("GET", handlers.info, "What is deployed", "Info", (*_KNOWN, 404), asked=_ASKED_OF_CHAT[:2]),
    "models": Route(
        "GET",
        handlers.models,
        "The deployments, in the format of OpenAI's list of models and with the members that Mistral's client reads",
        "Models",
        _KNOWN,
        asked=_ASKED_OF_CHAT[:1],
    ),
    "model": Route(
        "GET", handlers.model, "One deployment, as in the list", "Model", (*_KNOWN, 404), asked=("api-version", "model")
    ),
    "container": Route("POST", _container, "Any path of the container of managed compute", None, _CHAT),
    "score": Route(
        "POST",
        handlers.score,
        "The scoring route of a managed endpoint, which refuses chat requests",
        None,
        (*_KNOWN, 424),
    ),
}


def _local(method: str, handler: Handler, answer: str, errors: tuple[int, ...] = _KNOWN, **more: Any) -> Route:
    """A route under `/local`. The handler's docstring is its summary and description."""
    summary, _, description = (handler.__doc__ or "").partition("\n\n")
    described = " ".join(description.split())
    return Route(method, handler, summary, answer, errors, description=described, tag="local", **more)


_DOCUMENT = "/openapi.json"
_OWN: dict[str, tuple[Route, ...]] = {
    _DOCUMENT: (_local("GET", _document, "Document", _ALWAYS, open=True, security=[]),),
    "/local/identity/token": (
        _local("GET", handlers.token, "Token", asked=("resource",), open=True, security=[{"identity": []}]),
    ),
    "/local/session": (
        _local("POST", handlers.session, "Session", (*_KNOWN, 404, 415), body="SessionRequest"),
        _local("GET", handlers.spent, "Spent"),
        _local("DELETE", handlers.renew, "Spent"),
    ),
    "/local/exchanges": (_local("GET", handlers.exchanges, "Exchanges", asked=("last",)),),
    "/local/faults": (
        _local("POST", handlers.ask_faults, "Faults", body="FaultsRequest"),
        _local("GET", handlers.faults, "Faults"),
        _local("DELETE", handlers.forget_faults, "Faults"),
    ),
    "/local/script": (
        _local("POST", handlers.add_script, "Script", body="ScriptRequest"),
        _local("GET", handlers.script, "Script"),
        _local("DELETE", handlers.forget_script, "Script"),
    ),
    "/local/timing": (_local("POST", handlers.set_timing, "Timing", (*_KNOWN, 415), body="TimingRequest"),),
}
LOCAL: Routes = {path: {route.method: route for route in routes} for path, routes in _OWN.items()}


@cache
def routes_of(kind: Kind) -> Routes:
    """All routes of an endpoint of this kind, by path and method."""
    deployed: dict[str, dict[str, Route]] = {}
    for path, address in kind.addresses.items():
        route = OPERATIONS[address.operation]
        deployed[path] = {route.method: replace(route, extra=address.extra if route.handler is chat else None)}
    if kind.fallback is not None:  # every path that is not the local endpoint's own is passed on
        return {**deployed, **{path if path != _DOCUMENT else f"/local{path}": own for path, own in LOCAL.items()}}
    return {**deployed, **LOCAL}


def document(kind: Kind = SERVERLESS) -> dict[str, Any]:
    """The OpenAPI document of an endpoint of this kind."""
    from mistral_on_azure.endpoint.openapi.document import document_of  # imported here, as few clients ask for it

    return document_of(routes_of(kind), kind)


def find(routes: Routes, request: Request, kind: Kind) -> Route:
    """The route of a request. HEAD has the route of GET; the transport leaves out the body.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known path with another method.
    """
    methods = routes.get(request.path)
    if methods is None and (found := _MODEL.match(request.path)):
        methods = routes.get(f"{found[0]}{{model}}")
    if methods is None and kind.fallback is not None and not request.path.startswith("/local/"):
        return OPERATIONS[kind.fallback.operation]
    if methods is None:
        raise ApiError(404, "not_found", f"There is no route {request.path} here.{_hint(routes, request.path)}")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allowed = ", ".join(methods)
        raise ApiError(
            405, "method_not_allowed", f"{request.path} answers {allowed} only.", headers=(("allow", allowed),)
        )
    return route


def _hint(routes: Routes, path: str) -> str:
    """A hint for the 404 of an unknown path. Doubled slashes come from an endpoint's address that ends in a slash."""
    plain = re.sub("/+", "/", path).rstrip("/")
    if plain in routes:
        return f" Without the extra slash it is {plain}; an endpoint's address does not end in a slash."
    if "responses" in plain.split("/"):
        return NO_RESPONSES
    return _HINTS.get(plain.rsplit("/", 1)[-1], "")


_MODEL = re.compile(r"(/openai)?/v1/models/(?=.)")  # the name of a model follows, which may contain slashes
_HINTS = {
    "completions": " Chat completions are at /chat/completions, or at /v1/chat/completions for the OpenAI SDK.",
    "v1": " '/v1' is the base for the OpenAI SDK's address, not a route itself.",
}


class Application(Service):
    """Answers requests. Its constructor takes the arguments of `Service`."""

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.routes = routes_of(self.kind)
        if self.kind.fallback is not None:
            _managed()  # in the event loop, the import would keep others waiting

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request.

        Returns:
            The answer, or an awaitable of it where a real engine or a background thread works on it. Every exception
            of a handler becomes an error response.
        """
        session = None
        try:
            route = request.known.get("route")
            if route is None:
                route = request.known["route"] = find(self.routes, request, self.kind)
            session = None if route.open else self.kind.authenticate(request, self.sessions, self.tokens)
            answer = route.handler(self, request, session)
        except ApiError as error:
            answer = self.kind.error(error)
        except Exception as error:
            answer = self._failed(request, error)
        if type(answer) is not Answer:
            return self._later(answer, request, session)
        if session is not None:
            session.note(request, answer)
        return answer

    def admit(self, request: Request) -> None:
        """Check the request line and headers before the body is read.

        Raises:
            ApiError: 401 without a valid credential, 404 or 405 without a route, 413 for a route that takes no body.
        """
        route = find(self.routes, request, self.kind)
        if route.open:
            raise ApiError(413, "body_too_large", f"{request.path} takes no body.")
        self.kind.authenticate(request, self.sessions, self.tokens)

    async def _later(self, coming: Awaitable[Answer], request: Request, session: Session) -> Answer:
        try:
            answer = await coming
        except ApiError as error:
            answer = self.kind.error(error)
        except Exception as error:
            answer = self._failed(request, error)
        session.note(request, answer)
        return answer

    def _failed(self, request: Request, error: Exception) -> Answer:
        """Answer 500. The log has the file and line, but not the exception's text, which could contain a prompt."""
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
        _log.error("The local endpoint failed on %s: %s at %s", request.method, type(error).__name__, where)
        _log.debug("In full:", exc_info=error)
        return self.kind.error(ApiError(500, "internal_server_error", "The local endpoint failed; its log says where."))
