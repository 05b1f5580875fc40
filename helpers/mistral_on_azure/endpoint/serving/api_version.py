"""The query parameter `api-version`."""

from __future__ import annotations

from collections.abc import Sequence

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.transport.contents import query_of
from mistral_on_azure.endpoint.transport.exchange import Request

_OF_V1 = ("v1", "preview")  # what Azure's route /openai/v1 takes in the place of a day


def check_api_version(request: Request, versions: Sequence[str]) -> None:
    """Refuse an api-version that does not exist; none at all is accepted, as several clients send none.

    Args:
        request: whose query is read.
        versions: those that exist, the current one first; without any, the parameter is not read.

    Raises:
        ApiError: 400 that names the current version.
    """
    if "api-version" not in request.query or not versions:
        return
    version = query_of(request.query).get("api-version")
    of_v1 = _OF_V1 if request.path.startswith("/openai/v1/") else ()
    if version is not None and version not in (*versions, *of_v1):
        raise invalid(
            f"The api-version {version!r} is not supported. Use {versions[0]}.",
            param="api-version",
            code="unsupported_api_version",
        )
