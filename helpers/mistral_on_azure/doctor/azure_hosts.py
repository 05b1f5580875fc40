"""The kinds of address that Azure gives a deployment, and what Microsoft Entra ID wants for each."""

from __future__ import annotations

from dataclasses import dataclass

from mistral_on_azure.azure.entra_id import SCOPE


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of endpoint.

    Attributes:
        suffixes: how its host names end.
        scope: what a token is asked for.
        role: what lets an identity call it.
    """

    suffixes: tuple[str, ...]
    name: str
    scope: str
    role: str

    @property
    def audience(self) -> str:
        """The audience of a token for this scope."""
        return self.scope.removesuffix("/.default")


DEPLOYMENT = Kind(
    (".inference.ml.azure.com", ".inference.ai.azure.com", ".models.ai.azure.com"),
    "a deployment's own endpoint",
    SCOPE,
    "AzureML Data Scientist on its workspace or project (or any role with the action "
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action)",
)
FOUNDRY = Kind(
    (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com"),
    "a Foundry resource",
    "https://cognitiveservices.azure.com/.default",
    "Cognitive Services User on the resource (Owner and Contributor do not let it call models)",
)


def kind_of(host: str) -> Kind:
    """The kind of a host; one that is none of Azure's counts as a deployment's own endpoint."""
    return FOUNDRY if host.endswith(FOUNDRY.suffixes) else DEPLOYMENT


def is_azure(host: str) -> bool:
    """Whether a host name is one that Azure gives."""
    return host.endswith((*DEPLOYMENT.suffixes, *FOUNDRY.suffixes))
