"""Microsoft Entra ID on loopback: a token service that `DefaultAzureCredential` finds by itself, and its tokens.

It speaks App Service's managed identity protocol (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, version 2019-08-01), so
azure-identity runs unpatched. Tokens are JWTs signed with a key made at start.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from helpers.endpoint.errors import ApiError, invalid

AUDIENCE = "https://ml.azure.com"
_DIRECTORY = "00000000-0000-0000-0000-00000000c00b"
_ISSUER = f"https://sts.windows.net/{_DIRECTORY}/"
_ALGORITHM = "RS256"


class TokenService:
    """Issues and checks tokens.

    Args:
        lifetime: how long a token is good for, in seconds.
        clock: seconds since the epoch.
    """

    def __init__(self, lifetime: int = 3600, clock: Callable[[], float] = time.time) -> None:
        self.lifetime, self.clock = lifetime, clock
        self._key: Any = None
        self._checked: dict[str, tuple[float, str]] = {}

    def issue(self, object_id: str, resource: str) -> dict[str, str]:
        """A token as the managed identity protocol answers it.

        Args:
            object_id: who the token is for.
            resource: the audience asked for; a trailing slash or `/.default` does not matter.
        """
        import jwt

        now = int(self.clock())
        audience = resource.removesuffix("/.default").rstrip("/")
        claims = {
            "aud": audience,
            "iss": _ISSUER,
            "tid": _DIRECTORY,
            "oid": object_id,
            "sub": object_id,
            "iat": now,
            "nbf": now - 300,
            "exp": now + self.lifetime,
            "uti": secrets.token_urlsafe(12),
            "ver": "1.0",
        }
        token = jwt.encode(claims, self._signing_key(), algorithm=_ALGORITHM, headers={"kid": "local"})
        return {
            "access_token": token,
            "expires_on": str(claims["exp"]),
            "resource": resource,
            "token_type": "Bearer",
        }

    def check(self, token: str) -> str:
        """The object id a token was issued for.

        Raises:
            ApiError: 401 that says whether the token is expired, foreign or meant for another audience.
        """
        known = self._checked.get(token)
        if known and self.clock() < known[0]:
            return known[1]
        claims = self._claims(token)
        if len(self._checked) > 1000:
            self._checked.clear()
        self._checked[token] = (claims["exp"], claims["oid"])
        return claims["oid"]

    def _claims(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            return jwt.decode(
                token,
                self._signing_key().public_key(),
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=_ISSUER,
                options={"require": ["exp", "oid", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("The token has expired. Ask the credential for a new one before each request.") from None
        except jwt.InvalidAudienceError:
            wanted = f"The token was issued for another audience. Ask for the scope {AUDIENCE}/.default."
            raise _refused(wanted) from None
        except (jwt.InvalidSignatureError, jwt.InvalidIssuerError):
            raise _refused("The token was not issued by the directory that this endpoint trusts.") from None
        except jwt.PyJWTError:
            raise _refused("The token cannot be read.") from None

    def _signing_key(self) -> Any:
        """The private key, made when it is first needed."""
        if self._key is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key


def looks_like_token(credential: str) -> bool:
    """Whether a bearer credential is a JWT rather than a key: three parts, separated by dots."""
    return credential.count(".") == 2 and credential.startswith("ey")


def resource_of(query: dict[str, str]) -> str:
    """The audience a token request names.

    Raises:
        ApiError: 400 when it names none.
    """
    if not query.get("resource"):
        raise invalid("A token request names its audience in the query parameter 'resource'.", param="resource")
    return query["resource"]


def _refused(message: str) -> ApiError:
    return ApiError(401, "invalid_token", message, headers=(("www-authenticate", 'Bearer error="invalid_token"'),))
