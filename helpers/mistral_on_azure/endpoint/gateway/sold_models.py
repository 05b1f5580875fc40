"""The models that a kind of deployment sells on a day, and what becomes of those that are retired.

Which they are, and since when, is in catalog/models.toml. Documented: a retired model answers `410 Gone` to every
request, 404 in older pages. The words of both answers are inferred, as no page has them.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any

from mistral_on_azure.azure.deployments import Deployment, retired_deployments, sold_deployments
from mistral_on_azure.catalog.models import known
from mistral_on_azure.endpoint.api_errors import ApiError

GONE = (410, 404)  # the statuses of a retired model: what the pages say, and what they said


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
        row = known(name) if isinstance(name, str) and self.status == 410 else None
        if row is not None and self._is_retired(row.retired):
            said = f"The model {row.name} is retired and no longer available."
            raise ApiError(410, "model_retired", said, param="model")

    def _answers(self, name: str) -> bool:
        row = known(name)
        if row is None or self._is_retired(row.retired):
            return False
        if self.kind == "serverless" and name in sold_deployments() and row.serverless[0].value == "not offered":
            return False
        return self.as_of is None or row.released[0].day <= self.as_of

    def _is_retired(self, day: date | None) -> bool:
        return day is not None and (self.as_of is None or day <= self.as_of)
