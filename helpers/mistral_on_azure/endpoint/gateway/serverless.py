"""The serverless kind: the Azure AI Model Inference API as Microsoft documents it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.authentication import AUDIENCE, authenticate
from mistral_on_azure.endpoint.gateway.kinds import Address, deployment_named
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

_NO_MODEL = "azureai"  # what MistralAzure sends when its caller names no model


class Serverless:
    """A serverless deployment. `kinds.Kind` describes the members."""

    name = "serverless"
    addresses: ClassVar[dict[str, Address]] = {
        "/info": Address("info"),
        "/chat/completions": Address("chat", extra="error"),
        # Clients that use these two expect the model's own parameters to be passed on.
        "/models/chat/completions": Address("chat", extra="pass-through"),
        "/v1/chat/completions": Address("chat", extra="pass-through"),
        "/v1/models": Address("models"),
        "/score": Address("score"),
    }
    fallback = None
    api_versions = (API_VERSION, "2024-04-01-preview")
    audiences = (AUDIENCE,)

    authenticate = staticmethod(authenticate)  # as it is: every request passes here

    def deployments(self) -> Mapping[str, Deployment]:
        return deployments()

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The header goes before the body's `model`."""
        return deployment_named(header or (model if model != _NO_MODEL else None) or default)

    def error(self, error: ApiError) -> Answer:
        """The error in a body that every client can read.

        `error` is what azure-core and the OpenAI SDK read, the rest is Azure's own shape.
        """
        body: dict[str, Any] = {"status": error.status, "code": error.code, "message": error.message}
        if error.detail is not None:
            body["detail"] = error.detail
        body["param"] = error.param
        body["type"] = None
        body["error"] = {"code": error.code, "message": error.message, "param": error.param, "type": error.code}
        headers = lines((("x-ms-error-code", error.code), *error.headers))
        return Answer(error.status, msgspec.json.encode(body), headers)

    def quota(self, limits: Limits, clock: Callable[[], float]) -> Quota:
        return Quota(limits, clock)

    def info(self, deployment: Deployment) -> dict[str, str]:
        return deployment.info


SERVERLESS = Serverless()
