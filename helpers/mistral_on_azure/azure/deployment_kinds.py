"""The kinds of deployment on Azure: their host names, routes and Entra ID scopes, and which answers each one gives.

A host name does not always show the kind: `*.inference.ai.azure.com`, `*.models.ai.azure.com` and a user's own host
name may be of any. The endpoint's answer to `GET /info` decides then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mistral_on_azure.errors import CookbookError

ML_SCOPE = "https://ml.azure.com/.default"  # of Microsoft Entra ID tokens for a deployment's own endpoint
_ML_ROLE = (
    "AzureML Data Scientist on its workspace or project (or any role with the action "
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action)"
)


class DeploymentKind(NamedTuple):
    """One kind of deployment.

    Attributes:
        name: the value of `--kind`.
        words: its name in a sentence.
        suffixes: the ends of host names that only this kind has; those of two kinds are in `EITHER`.
        scope: the scope that a Microsoft Entra ID token is requested for.
        older_scopes: scopes that older pages of Microsoft name, whose tokens are accepted as well.
        role: the Azure role that lets an identity call the endpoint.
        azure_path: where the Model Inference API's routes begin, as azure-ai-inference wants its endpoint.
        openai_path: where the OpenAI-compatible routes begin, as an OpenAI client wants its base URL.
    """

    name: str
    words: str
    suffixes: tuple[str, ...]
    scope: str
    older_scopes: tuple[str, ...]
    role: str
    azure_path: str
    openai_path: str

    @property
    def audience(self) -> str:
        """The audience of a token for the scope, a URL."""
        return self.scope.removesuffix("/.default")

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences of the tokens that are accepted; the first one is that of `scope`."""
        return tuple(scope.removesuffix("/.default") for scope in (self.scope, *self.older_scopes))


SERVERLESS = DeploymentKind("serverless", "serverless", (), ML_SCOPE, (), _ML_ROLE, "", "/v1")
MANAGED = DeploymentKind("managed", "managed compute", (".inference.ml.azure.com",), ML_SCOPE, (), _ML_ROLE, "", "/v1")
FOUNDRY = DeploymentKind(
    "foundry",
    "Foundry resource",
    (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com"),
    "https://ai.azure.com/.default",
    ("https://cognitiveservices.azure.com/.default",),
    "Cognitive Services User on the resource, or Foundry User (Owner and Contributor do not let it call models)",
    "/models",
    "/openai/v1",
)
DEPLOYMENT_KINDS = {kind.name: kind for kind in (SERVERLESS, MANAGED, FOUNDRY)}
EITHER = (".inference.ai.azure.com", ".models.ai.azure.com")  # of serverless deployments and of managed compute
_CONTAINERS_WORD = "chat-completion"  # the model_type in the container's /info, beside a provider in lower case or none
_CONTAINERS_PROVIDERS = ("", "mistral")


def kind_named(name: str) -> DeploymentKind:
    """A kind by its name.

    Raises:
        CookbookError: when there is none of that name.
    """
    if name not in DEPLOYMENT_KINDS:
        raise CookbookError(f"There is no kind {name!r}. Choose one of: {', '.join(DEPLOYMENT_KINDS)}.")
    return DEPLOYMENT_KINDS[name]


def kind_of_host(host: str) -> DeploymentKind | None:
    """The kind that has this host name alone; None where only the endpoint's answer shows the kind."""
    return next((kind for kind in DEPLOYMENT_KINDS.values() if kind.suffixes and host.endswith(kind.suffixes)), None)


def is_azure(host: str) -> bool:
    """Whether a host name is one of Azure's."""
    return kind_of_host(host) is not None or host.endswith(EITHER)


def kind_answered(status: int, headers: Mapping[str, str], body: Any) -> DeploymentKind | None:
    """The kind that an answer to `GET /info` shows; None where it shows none, as that of a user's own server.

    Args:
        headers: the answer's headers, with names in lower case.
        body: the answer's JSON; None for a body that is not JSON.
    """
    if any(name.startswith("ms-azureml-model-") for name in headers):  # only managed compute's gateway writes these
        return MANAGED
    fields = body if isinstance(body, dict) else {}
    if status == 200 and fields.get("model_type"):
        of_container = fields["model_type"] == _CONTAINERS_WORD
        return MANAGED if of_container and fields.get("model_provider_name") in _CONTAINERS_PROVIDERS else SERVERLESS
    error = fields.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    # A resource serves several models, so it has no /info. Other servers write the code as a number, or in words.
    if status == 404 and (code == "404" or "apim-request-id" in headers):
        return FOUNDRY
    return None
