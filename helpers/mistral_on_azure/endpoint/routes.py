"""Routes: which handler answers which path and method, and how the OpenAPI document describes it. One table.

The paths of a deployment come from its kind, which names rows of `OPERATIONS`; `LOCAL` has the endpoint's own paths.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import replace
from functools import cache
from typing import Any

from mistral_on_azure.endpoint.api_errors import NO_RESPONSES, ApiError
from mistral_on_azure.endpoint.bounds import in_background, in_event_loop
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.service import Route, Routes, Service
from mistral_on_azure.endpoint.serving import info
from mistral_on_azure.endpoint.serving import local_handlers as local
from mistral_on_azure.endpoint.serving.chat import chat
from mistral_on_azure.endpoint.transport.contents import json_answer
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_ALWAYS = (400, 403, 408, 413, 417, 431, 500, 503)  # what any request can be answered with
_KNOWN = (*_ALWAYS, 401)  # what any request that needs a credential can be answered with
_CHAT = (*_KNOWN, 404, 410, 415, 422, 424, 429, 502, 504)
_ASKED_OF_CHAT = ("api-version", "azureml-model-deployment", "x-local-fault", "x-local-timing")


def _document(service: Service, request: Request, session: None) -> Answer:
    return _encoded_document(service.kind)


@cache
def _encoded_document(kind: Kind) -> Answer:
    return json_answer(document(kind))


def _container(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    if in_event_loop() and not _managed.cache_info().currsize:
        return _container_later(service, request, session)
    return _managed().answer(service, request, session)


async def _container_later(service: Service, request: Request, session: Session) -> Answer:
    await in_background(_managed)
    answer = _managed().answer(service, request, session)
    return answer if isinstance(answer, Answer) else await answer


@cache
def _managed() -> Any:
    """The routes of managed compute, with pydantic: a second's work, for this kind alone."""
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
    "info": Route("GET", info.info, "What is deployed", "Info", (*_KNOWN, 404), asked=_ASKED_OF_CHAT[:2]),
    "models": Route(
        "GET",
        info.models,
        "The deployments, as OpenAI lists models and with what Mistral's client wants of each",
        "Models",
        _KNOWN,
        asked=_ASKED_OF_CHAT[:1],
    ),
    "model": Route(
        "GET",
        info.model,
        "One deployment, as in the list",
        "Model",
        (*_KNOWN, 404),
        asked=(*_ASKED_OF_CHAT[:1], "model"),
    ),
    "container": Route("POST", _container, "Whatever the container of managed compute answers", None, _CHAT),
    "score": Route(
        "POST",
        info.score,
        "What a managed endpoint's own scoring route does with a chat request",
        None,
        (*_KNOWN, 424),
    ),
}


def _local(method: str, handler: local.LocalHandler, summary: str, answer: str, errors=_KNOWN, **more) -> Route:
    return Route(method, handler, summary, answer, errors, tag="local", **more)


_DOCUMENT = "/openapi.json"
_OWN: dict[str, tuple[Route, ...]] = {
    _DOCUMENT: (
        _local(
            "GET",
            _document,
            "This document. It is no secret, so it needs no credential",
            "Document",
            _ALWAYS,
            open=True,
            security=[],
        ),
    ),
    "/local/identity/token": (
        _local(
            "GET",
            local.token,
            "The token service, as App Service offers it to a managed identity",
            "Token",
            asked=("resource",),
            open=True,
            security=[{"identity": []}],
        ),
    ),
    "/local/session": (
        _local(
            "POST",
            local.session,
            "Choose the deployment this key's endpoint serves, learn how to use Entra ID here",
            "Session",
            (*_KNOWN, 404, 415),
            body="SessionRequest",
            description="`token_lifetime` is how long the tokens issued from now on are good for, in seconds. "
            "`requests_per_minute` and `tokens_per_minute` are a quota that begins anew; `strict` refuses prompts that "
            "no script of one's own has. Of these three, null is what the endpoint was started with.",
        ),
        _local(
            "GET",
            local.spent,
            "How many requests this session has made, the tokens they took, and what was unexpected",
            "Spent",
        ),
        _local(
            "DELETE",
            local.renew,
            "This key begins anew: its script, faults, quota and exchanges are forgotten",
            "Spent",
        ),
    ),
    "/local/exchanges": (
        _local(
            "GET",
            local.exchanges,
            "This session's last exchanges, credentials masked",
            "Exchanges",
            asked=("last",),
        ),
    ),
    "/local/faults": (
        _local(
            "POST",
            local.ask_faults,
            "Make the next chat completions of this session fail; `fault` says how",
            "Faults",
            body="FaultsRequest",
        ),
        _local("GET", local.faults, "What may still happen", "Faults"),
        _local("DELETE", local.forget_faults, "Nothing fails any more", "Faults"),
    ),
    "/local/script": (
        _local(
            "POST",
            local.add_script,
            "Exchanges for this session alone, which are asked before those of files",
            "Script",
            body="ScriptRequest",
            description="They are asked before those that the session has, and replace those for the same requests.",
        ),
        _local("GET", local.script, "The exchanges of this session", "Script"),
        _local(
            "DELETE", local.forget_script, "No exchanges of this session; all sequences of replies begin anew", "Script"
        ),
    ),
    "/local/timing": (
        _local(
            "POST",
            local.set_timing,
            'The pace of this session\'s answers, such as {"timing": "imitate"}; `timing` says what',
            "Timing",
            (*_KNOWN, 415),
            body="TimingRequest",
            description="The answer has the timing and what it was before.",
        ),
    ),
}
LOCAL: Routes = {path: {route.method: route for route in routes} for path, routes in _OWN.items()}


@cache
def routes_of(kind: Kind) -> Routes:
    """All routes of an endpoint of this kind."""
    deployed: dict[str, dict[str, Route]] = {}
    for path, address in kind.addresses.items():
        route = OPERATIONS[address.operation]
        deployed[path] = {route.method: replace(route, extra=address.extra if route.handler is chat else None)}
    if kind.fallback is not None:  # every path that is not the local endpoint's own is passed on
        return {**deployed, **{path if path != _DOCUMENT else f"/local{path}": own for path, own in LOCAL.items()}}
    return {**deployed, **LOCAL}


def document(kind: Kind = SERVERLESS) -> dict[str, Any]:
    """The OpenAPI document of an endpoint of this kind."""
    from mistral_on_azure.endpoint.openapi.document import document_of  # made when somebody first asks

    return document_of(routes_of(kind), kind)


def find(routes: Routes, request: Request, kind: Kind) -> Route:
    """The route of a request. HEAD is answered as GET is, by a transport that leaves the body out.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known one with the wrong method.
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
    """What was probably meant by a path that is no route. Slashes too many come from an endpoint that ends in one."""
    plain = re.sub("/+", "/", path).rstrip("/")
    if plain in routes:
        return f" Without the slash too many it is {plain}; an endpoint's address does not end in a slash."
    if "responses" in plain.split("/"):
        return NO_RESPONSES
    return _HINTS.get(plain.rsplit("/", 1)[-1], "")


_MODEL = re.compile(r"(/openai)?/v1/models/(?=.)")  # what is in front of a name
_HINTS = {
    "completions": " Chat completions are at /chat/completions, or at /v1/chat/completions for the OpenAI SDK.",
    "v1": " '/v1' is the base for the OpenAI SDK, not a route of its own.",
}
