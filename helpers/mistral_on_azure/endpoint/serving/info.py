"""What is deployed, as `/info` and `/v1/models` tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.local import handlers
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.serving.requests import check_api_version, deployment_named
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

if TYPE_CHECKING:
    from mistral_on_azure.endpoint.serving.application import Application


def info(application: Application, request: Request, session: Session) -> Answer:
    """`GET /info`: what is deployed."""
    check_api_version(request)
    if application.model is not None:
        return handlers.json(application.model.info)
    named = request.headers.get("azureml-model-deployment") or session.deployment or application.default
    return handlers.json(deployment_named(named).info)


def models(application: Application, request: Request, session: Session) -> Answer:
    """`GET /v1/models`: the deployments, as OpenAI lists models and with what Mistral's client wants of each."""
    check_api_version(request)
    cards = [_card(each) for each in deployments().values()]
    if application.model is not None:  # it answers, whichever deployment is asked
        default = deployment_named(session.deployment or application.default)
        cards.insert(0, {**_card(default), "id": application.model.model, "owned_by": "real engine"})
    return handlers.json({"object": "list", "data": cards})


def _card(deployment: Deployment) -> dict[str, Any]:
    about = {"id": deployment.name, "object": "model", "created": 0, "owned_by": "MistralAI", "type": "base"}
    able = {"completion_chat": True, "function_calling": deployment.tools}
    return {**about, "capabilities": able, "max_context_length": deployment.context}
