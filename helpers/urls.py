"""The shape of an endpoint URL and of a credential, checked before anything is sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from helpers.errors import CookbookError

ENDPOINT = "AZURE_INFERENCE_ENDPOINT"
CREDENTIAL = "AZURE_INFERENCE_CREDENTIAL"
_EXAMPLE = "https://your-host-name.your-azure-region.inference.ai.azure.com"
_ROUTES = ("/v1/chat/completions", "/models/chat/completions", "/chat/completions", "/score", "/v1", "/models", "/info")


def check_endpoint(url: str) -> str:
    """Return an endpoint's base URL.

    Args:
        url: scheme, host and perhaps a port, without a path.

    Raises:
        CookbookError: for any other shape, with the URL to use instead.
    """
    if url != url.strip():
        raise CookbookError(f"{ENDPOINT} has spaces or a line break around it. Set it to {url.strip()}")
    if "://" not in url:
        raise CookbookError(f"{ENDPOINT} is {url!r}, which has no scheme. Set it to https://{url}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CookbookError(f"{ENDPOINT} is {url!r}, which is no web address. It looks like {_EXAMPLE}")
    if parts.username or parts.password:
        raise CookbookError(f"{ENDPOINT} holds a user name or password. Put the key into {CREDENTIAL} instead.")
    if parts.query or parts.fragment:
        raise CookbookError(f"{ENDPOINT} has a query or fragment. Set it to {_base(url)}")
    path = parts.path.rstrip("/")
    route = next((route for route in _ROUTES if path.endswith(route)), None)
    if route:
        raise CookbookError(
            f"{ENDPOINT} ends in {route}, which is a route and not part of the endpoint. "
            f"Set it to {_base(url)}{path.removesuffix(route)}"
        )
    if parts.path.endswith("/"):
        raise CookbookError(f"{ENDPOINT} ends in a slash. Set it to {_base(url)}{path}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise CookbookError(f"{ENDPOINT} is plain http, which would show your key to the network. Use https.")
    return url


def check_credential(key: str) -> str:
    """Return a credential that can be sent in a header.

    Raises:
        CookbookError: when it is blank or holds spaces or line breaks. The message never holds the credential.
    """
    if not key.strip():
        raise CookbookError(f"{CREDENTIAL} is empty. Set it to the endpoint's key, or unset it to use Entra ID.")
    if key != key.strip():
        raise CookbookError(f"{CREDENTIAL} begins or ends with a space or line break. Copy the key without it.")
    if any(character.isspace() or not character.isprintable() for character in key) or not key.isascii():
        raise CookbookError(f"{CREDENTIAL} holds a space, a line break or a character no key has. Copy it again.")
    return key


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
