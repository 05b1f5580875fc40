"""Kinds of deployment: what one object decides about addresses, credentials, errors, limits and `/info`.

`serverless` is the kind that is served. Another one is a class with these members, and is handed to `Application`.

Two kinds sell models, which are retired some day; which they are, and since when, is in catalog/models.toml.
Documented: a retired model answers `410 Gone` to every request, 404 in older pages. The words of both answers are
inferred, as no page has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from mistral_on_azure.azure.deployments import Deployment, deployments, retired_deployments, sold_deployments
from mistral_on_azure.catalog import models
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.authentication import SessionsByCredential, TokenService
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

EXTRA = ("error", "drop", "pass-through")  # what can become of parameters that the API does not name
GONE = (410, 404)  # the statuses of a retired model: what the pages say, and what they said


@dataclass(frozen=True, slots=True)
class Address:
    """What one path of a kind leads to.

    Attributes:
        operation: a name among `OPERATIONS` in routes.py.
        extra: what becomes of extra parameters where no header says; one of `EXTRA`.
    """

    operation: str
    extra: str = "error"


class Kind(Protocol):
    """A kind of deployment. It holds nothing of a request, so one object serves a whole process.

    Attributes:
        name: as it is written after `--kind`.
        addresses: the paths that it answers, besides the local endpoint's own.
        fallback: what answers every other path; None is 404.
        api_versions: the versions that exist, the current one first; without any, the parameter is not read.
        audiences: whom a Microsoft Entra ID token may be issued for, the one to recommend first.
    """

    name: str
    addresses: Mapping[str, Address]
    fallback: Address | None
    api_versions: tuple[str, ...]
    audiences: tuple[str, ...]

    def authenticate(self, request: Request, sessions: SessionsByCredential, tokens: TokenService) -> Any:
        """The session that a request's credential opens.

        Raises:
            ApiError: 401 that says what was missing or refused.
        """

    def deployments(self) -> Mapping[str, Deployment]:
        """The deployments that an endpoint of this kind has, by name, the default one first."""

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The deployment that a request is for.

        Args:
            header: its `azureml-model-deployment`.
            model: its `model`; None for a real engine's own name, too.
            default: the deployment for a request that names none.

        Raises:
            ApiError: 404 for a deployment that this endpoint does not have.
        """

    def error(self, error: ApiError) -> Answer:
        """The answer to a request that failed: status, body and headers."""

    def quota(self, limits: Limits, clock: Callable[[], float]) -> Quota:
        """The limits of one deployment for one key, and the headers that tell what is left."""

    def info(self, deployment: Deployment) -> dict[str, str]:
        """What `/info` answers."""


def deployment_named(name: Any, known: Mapping[str, Deployment] | None = None) -> Deployment:
    """A deployment of this endpoint.

    Args:
        known: those that the endpoint has; None for the cookbook's four.

    Raises:
        ApiError: 404 for a deployment that this endpoint does not have.
    """
    known = deployments() if known is None else known
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
    """The models that are sold.

    Args:
        kind: "foundry" or "serverless".
        as_of: the day that is imitated; None takes the table as it is today.
        status: one of `GONE`.
    """

    def __init__(self, kind: str, as_of: date | None = None, status: int = GONE[0]) -> None:
        self.kind, self.as_of, self.status = kind, as_of, status

    @cached_property
    def deployments(self) -> dict[str, Deployment]:
        """The deployments that answer, by name."""
        everything = {**sold_deployments(), **retired_deployments()}
        return {name: each for name, each in everything.items() if self._answers(name)}

    def refuse_retired(self, name: Any) -> None:
        """Refuse a name that is a retired model's, unless it is answered as any unknown name, with the kind's 404.

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
