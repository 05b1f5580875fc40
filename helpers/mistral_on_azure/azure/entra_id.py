"""Microsoft Entra ID tokens, from whatever identity DefaultAzureCredential finds."""

from __future__ import annotations

from collections.abc import Callable

from mistral_on_azure.azure.addresses import CREDENTIAL, SCOPE
from mistral_on_azure.errors import CookbookError


class NoToken(CookbookError):
    """There is no token to be had where no key is set.

    Attributes:
        why: the same in half a sentence, for somebody who has a key and can do without.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def token_provider(url: str) -> Callable[[], str]:
    """What gives a token for an endpoint, a fresh one when the last will soon expire. It is tried once.

    Args:
        url: the endpoint's address.

    Raises:
        NoToken: when the address is not https, or there is no identity, or its settings cannot be right.
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
        give = get_bearer_token_provider(DefaultAzureCredential(process_timeout=10), SCOPE)
        give()
    except ClientAuthenticationError:
        raise NoToken(
            f"{CREDENTIAL} is not set and no Microsoft Entra ID identity was found. Set it to the endpoint's key, "
            "or sign in with `az login`.",
            "no identity was found; `az login` gives you one",
        ) from None
    except ValueError as error:  # of environment variables such as AZURE_TENANT_ID
        said = " ".join(str(error).split())
        raise NoToken(
            f"{CREDENTIAL} is not set, and the settings for Microsoft Entra ID cannot be right: {said}",
            f"its settings cannot be right ({said})",
        ) from None
    return give
