"""The handlers of `/info`, `/v1/models` and `/score`, and the check of `api-version`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.gateway.kinds import deployment_named
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.transport.contents import json_answer, query_of
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_OF_V1 = ("v1", "preview")  # values of api-version on Azure's path /openai/v1, besides dates


def check_api_version(request: Request, versions: Sequence[str]) -> None:
    """Refuse an unknown `api-version`. A request without it is accepted, as several clients do not send it.

    Args:
        request: the request.
        versions: the known versions, the current one first; if empty, the parameter is ignored.

    Raises:
        ApiError: 400, which recommends the current version.
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
    """`GET /info`: the model of the deployment, or the model of a real engine."""
    check_api_version(request, service.kind.api_versions)
    if service.model.info is not None:
        return json_answer(service.model.info)
    named = request.headers.get("azureml-model-deployment") or session.deployment or service.default
    return json_answer(service.kind.info(deployment_named(named, service.kind.deployments())))


def models(service: Service, request: Request, session: Session) -> Answer:
    """`GET /v1/models`: the deployments, in OpenAI's format and with the members that Mistral's client reads."""
    return json_answer({"object": "list", "data": _cards(service, request, session)})


def _cards(service: Service, request: Request, session: Session) -> list[dict[str, Any]]:
    check_api_version(request, service.kind.api_versions)
    cards = [_card(each) for each in service.kind.deployments().values() if _is_listed(service, each)]
    if service.model.name is not None:  # a real engine answers for every deployment
        default = deployment_named(session.deployment or service.default, service.kind.deployments())
        cards.insert(0, {**_card(default), "id": service.model.name, "owned_by": "real engine"})
    return cards


def _is_listed(service: Service, deployment: Deployment) -> bool:
    """Whether the list has a deployment.

    On Azure, each model that is sold on serverless has its own endpoint. So on serverless, the list has the cookbook's
    four models, and a sold model only if it is the endpoint's default deployment.
    """
    return service.kind.name != "serverless" or not deployment.sold or deployment.name == service.default


def model(service: Service, request: Request, session: Session) -> Answer:
    """`GET /v1/models/NAME`: one deployment of the list."""
    listed = _cards(service, request, session)
    wanted = request.path.partition("/models/")[2]  # the name may have slashes
    for card in listed:
        if card["id"] == wanted:
            return json_answer(card)
    service.kind.deployment(None, wanted, service.default)  # which refuses a retired one in the kind's own way
    names = ", ".join(card["id"] for card in listed)
    raise ApiError(404, "deployment_not_found", f"There is no model {wanted!r} here. This endpoint has: {names}.")


def score(service: Service, request: Request, session: Session) -> Answer:
    """`POST /score`: always 424, as the scoring route of managed compute does not understand chat requests."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route is not part of the chat API. Use the endpoint's address without '/score'.",
    )


def _card(deployment: Deployment) -> dict[str, Any]:
    about = {"id": deployment.name, "object": "model", "created": 0, "owned_by": "MistralAI", "type": "base"}
    able = {"completion_chat": True, "function_calling": deployment.tools}
    return {**about, "capabilities": able, "max_context_length": deployment.context}
