"""What Azure deploys: Mistral's models, read from deployments.toml, and the kinds of deployment that serve them.

A kind has host names, routes and an Entra ID scope. A host name does not always show the kind:
`*.inference.ai.azure.com`, `*.models.ai.azure.com` and a user's own host name may be of any. The endpoint's answer to
`GET /info` decides then.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
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


class Deployment(NamedTuple):
    """One model as Azure deploys it.

    Attributes:
        parameters_total: in billions.
        parameters_active: those that each token uses, in billions.
        context: the context length, in tokens.
        tools: whether the model calls tools.
        claim: what Mistral AI says of the model.
        tokenizer: v1, v3, v7 or tekken, by which the model's tokens are counted.
        estimated: whether `tokenizer` is not the model's own, so that counts are estimates.
        container_name: the `model_name` of `/info` on managed compute; container_provider its `model_provider_name`.
        output: the most tokens of a completion; None where only the context length limits it.
        json: whether the model has a JSON mode.
        sold: whether Azure sells it per token, on a Foundry resource, in place of deploying its weights.
    """

    name: str
    context: int
    tools: bool
    architecture: str = ""
    parameters_total: float = 0.0
    parameters_active: float = 0.0
    languages: tuple[str, ...] = ()
    claim: str = ""
    tokenizer: str = "v3"
    container_name: str = ""
    container_provider: str = ""
    output: int | None = None
    json: bool = False
    sold: bool = False
    estimated: bool = False

    @property
    def counted_with(self) -> str:
        """The tokenizer that the serverless kind counts with: v3 for the open models, as in Microsoft's example."""
        return self.tokenizer if self.sold else "v3"

    @property
    def info(self) -> dict[str, str]:
        """The answer to `GET /info` for this deployment, a JSON object."""
        return {"model_name": self.name, "model_type": "chat-completions", "model_provider_name": "MistralAI"}


@cache
def _table() -> dict:
    import tomllib  # imported here, as most who need a kind need no model

    return tomllib.loads(Path(__file__).with_name("deployments.toml").read_text(encoding="utf-8"))


@cache
def deployments() -> dict[str, Deployment]:
    """Every known deployment by name, the default one first."""
    rows = [Deployment(**{**row, "languages": tuple(row["languages"])}) for row in _table()["deployment"]]
    return {row.name: row for row in sorted(rows, key=lambda row: row.name != default_name())}


@cache
def sold_deployments() -> dict[str, Deployment]:
    """The models that Azure sells per token, by name, as deployments of a Foundry resource."""
    return _per_token("sold")


@cache
def retired_deployments() -> dict[str, Deployment]:
    """The models that Azure sold per token until it retired them, by name."""
    return _per_token("retired")


def _per_token(kind: str) -> dict[str, Deployment]:
    rows = [Deployment(**row, sold=True) for row in _table()[kind]]
    if find_spec("mistral_common") is None:  # it has their tokenizers; only the notebooks' extra installs it
        rows = [row._replace(tokenizer="v3", estimated=True) for row in rows]
    return {row.name: row for row in rows}


def imitated_paces() -> dict[str, dict[str, float]]:
    """The imitated pace of each deployment, by name: `first_token` in seconds, and `tokens_per_second`."""
    paces = dict(_table()["imitated_pace"])
    sold = paces.pop("sold")
    return paces | dict.fromkeys([*sold_deployments(), *retired_deployments()], sold)


def default_name() -> str:
    """The deployment that answers when a request names none."""
    return _table()["default"]
