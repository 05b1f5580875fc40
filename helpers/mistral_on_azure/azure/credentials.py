"""Credentials: their shape, new keys, Microsoft Entra ID tokens, and how credentials stay hidden from other processes.

They stay out of the environment of child processes, and out of this process's own environment in `/proc`. Not hidden:
root, and whoever may trace this user's processes, can read their memory. A shell that exported the variables still has
them, and on systems other than Linux the list of processes shows their environments.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, ENGINE_KEY, QUOTES, Misshapen, kind_in
from mistral_on_azure.azure.deployments import SERVERLESS
from mistral_on_azure.errors import CookbookError

_WITHHELD = (CREDENTIAL, ENGINE_KEY)
# Secrets of an identity in Microsoft Entra ID: notebooks may need them, and no output may show them.
OF_AN_IDENTITY = ("AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "IDENTITY_HEADER")
_SET_DUMPABLE = 4  # prctl(2)


def check_credential(key: str) -> str:
    """Return a credential, if it can be sent in a header.

    Raises:
        Misshapen: when it is blank or has a character that no key has. The message never contains the credential.
    """
    bare = key.strip()
    if not bare:
        raise Misshapen(f"{CREDENTIAL} is empty.", "Set it to the endpoint's key, or unset it to use Entra ID.")
    if key != bare:
        raise Misshapen(f"{CREDENTIAL} begins or ends with a space or line break.", "Copy the key without it.", bare)
    if key != (bare := key.strip(QUOTES)):
        raise Misshapen(f"{CREDENTIAL} has quotation marks around it.", "Set it to the key alone.", bare)
    if key.lower().startswith("bearer "):
        raise Misshapen(f"{CREDENTIAL} begins with 'Bearer', which clients add.", "Set it to the key alone.", key[7:])
    if "://" in key:
        raise Misshapen(f"{CREDENTIAL} is an address, not a key.", f"Was it meant for {ENDPOINT}?")
    if any(character.isspace() or not character.isprintable() for character in key) or not key.isascii():
        raise Misshapen(f"{CREDENTIAL} holds a space, a line break or a character no key has.", "Copy it again.")
    return key


def new_key() -> str:
    """A random key of 32 hexadecimal characters, the form of Azure's keys."""
    return secrets.token_hex(16)


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


def own_secrets() -> list[str]:
    """The secrets that this process has in its environment: the endpoint's credential, and those of an identity."""
    return [value for name in (CREDENTIAL, *OF_AN_IDENTITY) if (value := os.environ.get(name))]


def hide() -> None:
    """Hide this process's credentials from the user's other processes, unless they run as root. Linux only.

    `/proc` shows as the environment the memory with which the process was started. The credentials in it are
    overwritten, so that not even root finds them there; `os.environ` has them as before.
    """
    if sys.platform != "linux":
        return
    import ctypes  # which takes a while to import

    libc = ctypes.CDLL(None)
    libc.getenv.restype, libc.getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    for name in _WITHHELD:
        value = os.environ.get(name)
        place = libc.getenv(os.fsencode(name))
        if value and place and ctypes.string_at(place) == os.fsencode(value):
            ctypes.memset(place, ord("*"), len(os.fsencode(value)))
            os.environ[name] = value  # a copy in other memory


@contextmanager
def withheld() -> Iterator[None]:
    """Within this context new processes get an environment without credentials."""
    kept = {name: os.environ.pop(name) for name in _WITHHELD if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
