"""Authentication: a key or a Microsoft Entra ID token leads to a session, anything else to 401."""

from __future__ import annotations

from helpers.endpoint.errors import ApiError
from helpers.endpoint.exchange import Request
from helpers.endpoint.identity import TokenService, looks_like_token
from helpers.endpoint.sessions import Session, Sessions


def authenticate(request: Request, sessions: Sessions, tokens: TokenService) -> Session:
    """Find the session of a request.

    `Authorization: Bearer` carries a key or a token; `api-key` carries a key.

    Raises:
        ApiError: 401 that says what was missing or refused.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return _by_key(request.headers.get("api-key"), sessions)
    session = sessions.of_header(authorization)
    if session is not None:
        return session
    scheme, _, credential = authorization.partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise _refused("The Authorization header must read 'Bearer', a space, and the key or token.")
    if looks_like_token(credential):
        session = sessions.of_object(tokens.check(credential))
        if session is None:
            raise _refused("The token's identity is not known to this endpoint.")
        return session
    return _by_key(credential, sessions)


def _by_key(key: str | None, sessions: Sessions) -> Session:
    if key is None:
        raise _refused("No credential was sent: add the header 'Authorization: Bearer' with the key or token.")
    session = sessions.of_key(key)
    if session is None:
        raise _refused("The key was refused. Check that it belongs to this endpoint and has no stray characters.")
    return session


def _refused(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message, headers=(("www-authenticate", "Bearer"),))
