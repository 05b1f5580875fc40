"""What is deployed, as `/info` and `/v1/models` answer it; the scoring route, which only refuses; and `api-version`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.gateway.kinds import deployment_named
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.transport.contents import json_answer, query_of
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_OF_V1 = ("v1", "preview")  # what Azure's route /openai/v1 takes in the place of a day


def check_api_version(request: Request, versions: Sequence[str]) -> None:
    """Refuse an api-version that does not exist; none at all is accepted, as several clients send none.

    Args:
        request: whose query is read.
        versions: those that exist, the current one first; without any, the parameter is not read.

    Raises:
        ApiError: 400 that names the current version.
    """
    if "api-version" not in request.query or not versions:
        return
    version = query_of(request.query).get("api-version")
    of_v1 = _OF_V1 if request.path.startswith("/openai/v1/") else ()
    if version is not None and version not in (*versions, *of_v1):
        raise invalid(
            f"The api-version {version!r} is not supported. Use {versions[0]}.",
            param="api-version",
            code="unsupported_api_version",
        )


def info(service: Service, request: Request, session: Session) -> Answer:
    """What is deployed."""
    check_api_version(request, service.kind.api_versions)
    if service.model.info is not None:
        return json_answer(service.model.info)
    named = request.headers.get("azureml-model-deployment") or session.deployment or service.default
    return json_answer(service.kind.info(deployment_named(named, service.kind.deployments())))


def models(service: Service, request: Request, session: Session) -> Answer:
    """The deployments, as OpenAI lists models and with what Mistral's client wants of each."""
    check_api_version(request, service.kind.api_versions)
    cards = [_card(each) for each in service.kind.deployments().values() if _is_listed(service, each)]
    if service.model.name is not None:  # it answers, whichever deployment is asked
        default = deployment_named(session.deployment or service.default, service.kind.deployments())
        cards.insert(0, {**_card(default), "id": service.model.name, "owned_by": "real engine"})
    return json_answer({"object": "list", "data": cards})


def _is_listed(service: Service, deployment: Deployment) -> bool:
    """A model that is sold serverless has an endpoint of its own; the four share one here, and stand for it."""
    return service.kind.name != "serverless" or not deployment.sold or deployment.name == service.default


def model(service: Service, request: Request, session: Session) -> Answer:
    """One of the deployments, by its name in the path."""
    listed = msgspec.json.decode(models(service, request, session).body)["data"]
    wanted = request.path.partition("/models/")[2]  # the name may have slashes
    for card in listed:
        if card["id"] == wanted:
            return json_answer(card)
    service.kind.deployment(None, wanted, service.default)  # which refuses a retired one in the kind's own way
    names = ", ".join(card["id"] for card in listed)
    raise ApiError(404, "deployment_not_found", f"There is no model {wanted!r} here. This endpoint has: {names}.")


def score(service: Service, request: Request, session: Session) -> Answer:
    """What a managed endpoint's own scoring route does with a chat request."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route does not speak the chat API. Use the endpoint without '/score'.",
    )


def _card(deployment: Deployment) -> dict[str, Any]:
    about = {"id": deployment.name, "object": "model", "created": 0, "owned_by": "MistralAI", "type": "base"}
    able = {"completion_chat": True, "function_calling": deployment.tools}
    return {**about, "capabilities": able, "max_context_length": deployment.context}
