"""The kind `serverless`: the Azure AI Model Inference API as Microsoft documents it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import SERVERLESS as KIND
from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.kinds import Address, Kind, SoldModels, deployment_named
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

_NO_MODEL = "azureai"  # the `model` that Mistral's client MistralAzure sends by default


class Serverless(Kind):
    """A serverless deployment. `kinds.Kind` describes the members.

    Args:
        strict_model: refuse a `model` that is not the name of a deployment. On Azure, an endpoint with one model
            ignores `model`.
        sold: the models that are sold per token besides the cookbook's four, and the status of retired ones.
    """

    name = KIND.name
    addresses: ClassVar[dict[str, Address]] = {
        "/info": Address("info"),
        "/chat/completions": Address("chat", extra="error"),
        "/models/chat/completions": Address("chat", extra="error"),
        # Clients that call this path expect the model's own parameters to be passed on.
        "/v1/chat/completions": Address("chat", extra="pass-through"),
        "/v1/models": Address("models"),
        "/v1/models/{model}": Address("model"),
        "/score": Address("score"),
    }
    api_versions = (API_VERSION, "2024-04-01-preview", "2025-04-01")
    audiences = KIND.audiences
    bare_key = True  # as published samples send it

    def __init__(self, strict_model: bool = False, sold: SoldModels | None = None) -> None:
        self.strict_model, self.sold = strict_model, sold or SoldModels("serverless")

    def deployments(self) -> Mapping[str, Deployment]:
        return {**deployments(), **self.sold.deployments}

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The deployment that the header names, else the body's `model`, else the default one.

        An unknown `model` is ignored unless `strict_model` is set; an unknown name in the header is refused with 404.
        """
        known = self._known
        if model == _NO_MODEL or not (self.strict_model or (isinstance(model, str) and model in known)):
            model = None
        named = header or model or default
        if named in known:
            return known[named]
        self.sold.refuse_retired(named)
        return deployment_named(named, known)

    @cached_property
    def _known(self) -> Mapping[str, Deployment]:
        return self.deployments()

    def error(self, error: ApiError) -> Answer:
        """The error response. azure-core and the OpenAI SDK read the body's `error`; the rest is as on Azure."""
        body: dict[str, Any] = {"status": error.status, "code": error.code, "message": error.message}
        if error.detail is not None:
            body["detail"] = error.detail
        body["param"] = error.param
        body["type"] = None
        body["error"] = {"code": error.code, "message": error.message, "param": error.param, "type": error.code}
        headers = lines((("x-ms-error-code", error.code), *error.headers))
        return Answer(error.status, msgspec.json.encode(body), headers)


SERVERLESS = Serverless()
