"""Microsoft Entra ID tokens from the identity that DefaultAzureCredential finds."""

from __future__ import annotations

from collections.abc import Callable

from mistral_on_azure.azure.addresses import CREDENTIAL, kind_in
from mistral_on_azure.azure.deployment_kinds import SERVERLESS
from mistral_on_azure.errors import CookbookError


class NoToken(CookbookError):
    """No key is set, and no token can be requested.

    Attributes:
        why: the reason in half a sentence, for a message to a user who has a key.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def token_provider(url: str, scope: str = "") -> Callable[[], str]:
    """A function that returns a token for an endpoint, and a new one when the last will soon expire.

    The function is called once at the start, so that an identity that gets no token raises an error at once.

    Args:
        url: the endpoint's address.
        scope: the scope of the token; empty means that of the address's kind, or of serverless where it shows none.

    Raises:
        NoToken: when the address is not https, no identity is found, or a setting of the identity is invalid.
    """
    if not url.startswith("https://"):
        raise NoToken(
            f"{CREDENTIAL} is not set, and a Microsoft Entra ID token must not travel over plain http. "
            f"Set {CREDENTIAL} to the key, or use the endpoint's https address.",
            "a token must not travel over plain http",
        )
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    try:
        wanted = scope or (kind_in(url) or SERVERLESS).scope
        give = get_bearer_token_provider(DefaultAzureCredential(process_timeout=10), wanted)
        give()
    except ClientAuthenticationError:
        raise NoToken(
            f"{CREDENTIAL} is not set and no Microsoft Entra ID identity was found. Set it to the endpoint's key, "
            "or sign in with `az login`.",
            "no identity was found; `az login` gives you one",
        ) from None
    except ValueError as error:  # of environment variables such as AZURE_TENANT_ID
        reason = " ".join(str(error).split())
        raise NoToken(
            f"{CREDENTIAL} is not set, and the settings for Microsoft Entra ID cannot be right: {reason}",
            f"its settings cannot be right ({reason})",
        ) from None
    return give
