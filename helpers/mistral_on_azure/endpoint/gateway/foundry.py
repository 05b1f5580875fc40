"""The kind `foundry`: a resource with several deployments, on the Model Inference API and the OpenAI-compatible API.

Documented: `/models/chat/completions` with an api-version (deprecated) and `/openai/v1`, keys in `api-key`, the token
scopes, 400,000 tokens and 1,000 requests a minute for each deployment, no `/info` where several models are served, and
410 for a retired model (404 in older pages). Codes and messages of errors are taken from public issues, in which users
of the service quote them. Inferred: Mistral's models on `/openai/v1`, as its pages name other providers' models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import FOUNDRY, Deployment
from mistral_on_azure.endpoint.api_errors import NO_RESPONSES, ApiError
from mistral_on_azure.endpoint.gateway.kinds import Address, Kind, SoldModels
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

TOKENS_PER_MINUTE = 400_000
_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)


class Foundry(Kind):
    """A Foundry resource. `kinds.Kind` describes the members.

    Args:
        without_models: leave out the deprecated route `/models/chat/completions`.
        sold: the models that are sold, and the status of retired ones.
    """

    name = FOUNDRY.name
    api_versions = (API_VERSION, "2024-08-01-preview", "2025-04-01")
    audiences = FOUNDRY.audiences
    _ADDRESSES: ClassVar[dict[str, Address]] = {
        "/models/chat/completions": Address("chat", extra="error"),
        "/openai/v1/chat/completions": Address("chat", extra="pass-through"),
        "/openai/v1/models": Address("models"),
        "/openai/v1/models/{model}": Address("model"),
    }

    def __init__(self, without_models: bool = False, sold: SoldModels | None = None) -> None:
        self.sold = sold or SoldModels("foundry")
        self.addresses = {
            path: address
            for path, address in self._ADDRESSES.items()
            if not (without_models and path.startswith("/models/"))
        }

    def deployments(self) -> Mapping[str, Deployment]:
        return self.sold.deployments

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The deployment that the body's `model` names. A request without `model` is refused with 400."""
        if model is None:
            raise ApiError(400, "no_model_name", "No model specified in request.", param="model")
        found = self.sold.deployments.get(model) if isinstance(model, str) else None
        if found is None:
            self.sold.refuse_retired(model)
            raise ApiError(404, "DeploymentNotFound", f"Unknown model: {model}", param="model")
        return found

    def error(self, error: ApiError) -> Answer:
        """The error response: `error` with `code`, `message` and, where there are any, `param` and `details`."""
        code, message = error.code, error.message
        if error.status == 401:
            code, message = "401", _DENIED
        elif error.status == 404 and code == "not_found":
            # Other hints of the 404 name routes that a Foundry resource does not have.
            told = f".{NO_RESPONSES}" if message.endswith(NO_RESPONSES) else ""
            code, message = "404", f"Resource not found{told}"
        elif error.status == 429:
            code = "429"
        body: dict[str, Any] = {"error": {"code": code, "message": message}}
        if error.param is not None:
            body["error"]["param"] = error.param
        if error.detail is not None:
            body["error"]["details"] = error.detail
        return Answer(error.status, msgspec.json.encode(body), lines((("x-ms-error-code", code), *error.headers)))

    def quota(self, limits: Limits, clock: Callable[[], float]) -> Quota:
        """The quota of one deployment for one key: by default 400,000 tokens a minute, as documented."""
        return Quota(limits, clock, TOKENS_PER_MINUTE)

    def info(self, deployment: Deployment) -> dict[str, str]:
        raise ApiError(404, "not_found", "A resource with several models has no /info.")
