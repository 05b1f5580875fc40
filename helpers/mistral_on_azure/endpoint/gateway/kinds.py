"""`Kind`: the base class of a kind of deployment, which decides paths, credentials, errors, quota and `/info`.

`serverless.py` (the default), `managed.py` and `foundry.py` derive from it. `SoldModels` has the models that
`serverless` and `foundry` sell per token; `catalog/models.toml` has their dates of release and retirement.

Documented: a retired model answers `410 Gone` to every request, 404 in older pages. The messages of both are inferred,
as no page quotes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from mistral_on_azure.azure.deployments import Deployment, retired_deployments, sold_deployments
from mistral_on_azure.catalog import models
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.gateway.token_service import TokenService, looks_like_token
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

EXTRA = ("error", "drop", "pass-through")  # values of the header `extra-parameters`
GONE = (410, 404)  # the status of a retired model in today's documentation, and in older pages


@dataclass(frozen=True, slots=True)
class Address:
    """The operation of one path.

    Attributes:
        operation: a key of `OPERATIONS` in application.py.
        extra: the default of the header `extra-parameters`, one of `EXTRA`.
    """

    operation: str
    extra: str = "error"


class SessionsByCredential(Protocol):
    """Looks up sessions by their credential. Each method returns None for an unknown credential."""

    def of_header(self, authorization: str, known: dict[str, Any]) -> Any: ...

    def of_key(self, key: str) -> Any: ...

    def of_object(self, object_id: str) -> Any: ...


class Kind:
    """A kind of deployment. It has no state of a request or session, so all of them can share one object.

    Attributes:
        name: the value of `--kind`.
        addresses: the operations by path, without the local endpoint's own routes.
        fallback: the operation of every other path; None answers 404.
        api_versions: the valid values of `api-version`, the current one first; if empty, the parameter is ignored.
        audiences: the accepted audiences of Microsoft Entra ID tokens; error messages recommend the first.
        bare_key: whether `Authorization` may be a key without `Bearer`.
    """

    name: str
    addresses: Mapping[str, Address]
    fallback: Address | None = None
    api_versions: tuple[str, ...] = ()
    audiences: tuple[str, ...]
    bare_key = False

    def authenticate(self, request: Request, sessions: SessionsByCredential, tokens: TokenService) -> Any:
        """The session of a request's credential: a key or a token in `Authorization: Bearer`, or a key in `api-key`.

        Raises:
            ApiError: 401 for a missing, unknown or invalid credential.
        """
        authorization = request.headers.get("authorization")
        if authorization is None:
            return _by_key(request.headers.get("api-key"), sessions)
        session = sessions.of_header(authorization, request.known)
        if session is not None:
            return session
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if self.bare_key and not credential and scheme.lower() != "bearer" and not looks_like_token(scheme):
            return _by_key(scheme, sessions)
        if scheme.lower() != "bearer" or not credential:
            raise _refused("The Authorization header must read 'Bearer', a space, and the key or token.")
        if looks_like_token(credential):
            session = sessions.of_object(tokens.check(credential, self.audiences))
            if session is None:
                raise _refused("The token's identity is not known to this endpoint.")
            return session
        return _by_key(credential, sessions)

    def deployments(self) -> Mapping[str, Deployment]:
        """The deployments of an endpoint of this kind, by name, the default one first."""
        raise NotImplementedError

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The deployment that a request is for.

        Args:
            header: the request's header `azureml-model-deployment`.
            model: the body's `model`; None if there is none, or if it is the name of a real engine's model.
            default: the deployment for a request that names none.

        Raises:
            ApiError: 404 for an unknown deployment, 410 for a retired model, 400 where `model` is required.
        """
        raise NotImplementedError

    def error(self, error: ApiError) -> Answer:
        """The error response: status, body and headers in this kind's form."""
        raise NotImplementedError

    def quota(self, limits: Limits, clock: Callable[[], float]) -> Quota:
        """A new quota of one deployment for one key."""
        return Quota(limits, clock)

    def info(self, deployment: Deployment) -> dict[str, str]:
        """The body of the response to `GET /info`."""
        return deployment.info


def _by_key(key: str | None, sessions: SessionsByCredential) -> Any:
    if key is None:
        raise _refused("No credential was sent: add the header 'Authorization: Bearer' with the key or token.")
    session = sessions.of_key(key)
    if session is None:
        raise _refused("The key was refused. Check that it belongs to this endpoint and has no stray characters.")
    return session


def _refused(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message, headers=(("www-authenticate", "Bearer"),))


def deployment_named(name: Any, known: Mapping[str, Deployment]) -> Deployment:
    """The deployment of a name, of those that the endpoint has.

    Raises:
        ApiError: 404 for an unknown name.
    """
    found = known.get(name) if isinstance(name, str) else None
    if found is None:
        raise ApiError(
            404,
            "deployment_not_found",
            f"There is no deployment {name!r} here. This endpoint has: {', '.join(known)}.",
            param="model",
        )
    return found


class SoldModels:
    """The models that are sold per token, as deployments.

    Args:
        kind: "foundry" or "serverless".
        as_of: the models that were sold on that day; None takes those that are sold today.
        status: the status for a retired model, one of `GONE`.
    """

    def __init__(self, kind: str, as_of: date | None = None, status: int = GONE[0]) -> None:
        self.kind, self.as_of, self.status = kind, as_of, status

    @cached_property
    def deployments(self) -> dict[str, Deployment]:
        """The deployments of models that are sold, by name."""
        everything = {**sold_deployments(), **retired_deployments()}
        return {name: each for name, each in everything.items() if self._answers(name)}

    def refuse_retired(self, name: Any) -> None:
        """Refuse the name of a retired model, if its status is 410. With 404 it is refused as an unknown name.

        Raises:
            ApiError: 410.
        """
        row = models.known(name) if isinstance(name, str) and self.status == 410 else None
        if row is not None and self._is_retired(row.retired):
            said = f"The model {row.name} is retired and no longer available."
            raise ApiError(410, "model_retired", said, param="model")

    def _answers(self, name: str) -> bool:
        row = models.known(name)
        if row is None or self._is_retired(row.retired):
            return False
        if self.kind == "serverless" and name in sold_deployments() and row.serverless[0].value == "not offered":
            return False
        return self.as_of is None or row.released[0].day <= self.as_of

    def _is_retired(self, day: date | None) -> bool:
        return day is not None and (self.as_of is None or day <= self.as_of)
