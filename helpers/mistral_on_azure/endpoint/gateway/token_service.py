"""The token service: issues and checks Microsoft Entra ID tokens.

`DefaultAzureCredential` finds the token service on loopback by itself, as it implements App Service's managed identity
protocol (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, version 2019-08-01). It signs tokens with its own RSA key.

To see a client refresh its token, choose a short lifetime: azure-identity and azure-core keep a token until five
minutes before it expires. With a lifetime under 300 s, `get_token` requests a new token each time; with 305 s after
five seconds; with 3,600 s (the default) after 55 minutes. Clients add up to a minute to that, at random.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError, invalid

_DIRECTORY = "00000000-0000-0000-0000-00000000c00b"
_ISSUER = f"https://sts.windows.net/{_DIRECTORY}/"
_ALGORITHM = "RS256"
_REMEMBERED = 1_000  # tokens whose claims are cached after their signature was verified
_RESOURCE = re.compile(r"[\w.:/@~-]{1,200}", re.ASCII)  # a URL or an id; ASCII, as a 401 repeats it in a header
_LONGEST = 16 * 1024  # characters of a token
# `TokenService.check` verifies times and audience; PyJWT verifies the signature and the issuer.
_OPTIONS = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}


class TokenService:
    """Issues and verifies Microsoft Entra ID tokens of a directory that exists in this process only.

    Args:
        lifetime: lifetime of a token in seconds.
        clock: returns seconds since the epoch.
    """

    def __init__(self, lifetime: int = 3600, clock: Callable[[], float] = time.time) -> None:
        self.lifetime, self.clock = lifetime, clock
        self._key: Any = None
        self._checked: dict[bytes, dict[str, Any]] = {}  # claims by the token's digest

    def issue(self, object_id: str, resource: str, lifetime: int | None = None) -> dict[str, str]:
        """Issue a token.

        Args:
            object_id: the identity that the token is for.
            resource: the requested audience; a trailing slash or `/.default` is ignored.
            lifetime: in seconds; None is the lifetime of this service.

        Returns:
            The response of the managed identity protocol.
        """
        import jwt

        now = int(self.clock())
        claims = {
            "aud": _audience(resource),
            "iss": _ISSUER,
            "tid": _DIRECTORY,
            "oid": object_id,
            "sub": object_id,
            "iat": now,
            "nbf": now - 300,
            "exp": now + (lifetime or self.lifetime),
            "uti": secrets.token_urlsafe(12),
            "ver": "1.0",
        }
        token = jwt.encode(claims, self._signing_key(), algorithm=_ALGORITHM, headers={"kid": "local"})
        return {"access_token": token, "expires_on": str(claims["exp"]), "resource": resource, "token_type": "Bearer"}

    def check(self, token: str, audiences: Sequence[str]) -> str:
        """Verify a token and return the object id that it was issued for.

        Args:
            token: the JSON Web Token.
            audiences: the accepted audiences; error messages recommend the first.

        Raises:
            ApiError: 401 for a token that is expired, of another issuer or for another audience.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        claims = self._checked.get(digest)
        if claims is None:
            claims = self._claims(token)
            if len(self._checked) >= _REMEMBERED:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = claims
        now = self.clock()
        if now >= claims["exp"]:
            ago = _duration(now - claims["exp"])
            raise _refused(f"The token expired {ago} ago. Ask the credential for a new one before each request.")
        if now < claims["nbf"]:
            raise _refused("The token is not valid yet. Check the clock of the machine that asked for it.")
        if _audience(claims["aud"]) not in audiences:
            wanted = f"{audiences[0]}/.default"
            raise _refused(f"The token was issued for another audience, {claims['aud']}. Ask for the scope {wanted}.")
        return claims["oid"]

    def _claims(self, token: str) -> dict[str, Any]:
        """Verify the signature and the issuer of a token, and return its claims."""
        import jwt

        if len(token) > _LONGEST:
            raise _refused("The token cannot be read: it is too long.")
        try:
            if self._key is None:
                raise jwt.InvalidSignatureError  # this service has not issued a token yet
            key = self._key.public_key()
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM], issuer=_ISSUER, options=_OPTIONS)
            return _complete(claims)
        except (jwt.InvalidSignatureError, jwt.InvalidIssuerError):
            raise _refused(
                "The token was not issued by the directory that this endpoint trusts. On the local endpoint, set "
                "IDENTITY_ENDPOINT and IDENTITY_HEADER to its own token service (`POST /local/session` names them)."
            ) from None
        except (jwt.PyJWTError, ValueError):
            raise _refused("The token cannot be read: it is not a JSON Web Token that this endpoint signs.") from None

    def _signing_key(self) -> Any:
        """The private key, made when it is first needed."""
        if self._key is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key


def looks_like_token(credential: str) -> bool:
    """Whether a bearer credential has the form of a JSON Web Token, three parts separated by dots, and is not a key."""
    return credential.count(".") == 2 and credential.startswith("ey")


def resource_of(query: dict[str, str]) -> str:
    """The audience in the query parameter `resource` of a token request.

    Raises:
        ApiError: 400 when it is missing or malformed.
    """
    resource = query.get("resource", "")
    if not _RESOURCE.fullmatch(resource):
        raise invalid(
            "A token request names its audience, such as https://ml.azure.com, in the query parameter 'resource'.",
            param="resource",
        )
    return resource


def _audience(resource: str) -> str:
    return resource.removesuffix("/.default").rstrip("/")


def _complete(claims: dict[str, Any]) -> dict[str, Any]:
    kinds = {"exp": int, "nbf": int, "aud": str, "oid": str}
    if any(type(claims.get(name)) is not kind for name, kind in kinds.items()):
        raise ValueError("a claim is missing")
    return claims


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _refused(message: str) -> ApiError:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return ApiError(401, "invalid_token", message, headers=(("www-authenticate", challenge),))
