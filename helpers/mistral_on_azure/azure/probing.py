"""What an endpoint says of itself: its kind and its model, from one request, or two where the first names no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployment_kinds import FOUNDRY, SERVERLESS, DeploymentKind, kind_answered
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.errors import CookbookError


@dataclass(frozen=True, slots=True)
class Probe:
    """An endpoint as its answers show it.

    Attributes:
        kind: the given kind, or the one that the answer tells; serverless where it tells none.
        answer: the first answer.
        model: the one model that the endpoint knows; empty when it names none or several. The container's name of
            a model of the cookbook's is replaced by the deployment's.
    """

    kind: DeploymentKind
    answer: http.Response
    model: str


def probe(base: str, credential: str, kind: DeploymentKind | None = None, *, list_models: bool = True) -> Probe:
    """Ask an endpoint what it is, with http.TIMEOUT for each of at most two requests.

    Args:
        base: its address without a route.
        kind: what is known of it; None leaves it to the answer.
        list_models: whether to ask for the list of models where `/info` names none.

    Raises:
        CookbookError: when no answer comes to the first request.
    """
    path = first_path(kind)
    first = http.request("GET", base + path, credential)
    found = kind or kind_answered(first.status, first.headers, first.json()) or SERVERLESS
    if first.status in (401, 403):
        return Probe(found, first, "")
    if kind is FOUNDRY:
        return Probe(found, first, _only_one(first))
    model = _of_info(first.json()) if first.status == 200 else ""
    if model or not (list_models or found is FOUNDRY):
        return Probe(found, first, model)
    listed = _listed(base + found.openai_path, credential)
    if found is FOUNDRY and (listed is None or listed.status == 404):
        found = SERVERLESS  # another service of Azure's without /info, whose 404 has the same body
    return Probe(found, first, _only_one(listed))


def first_path(kind: DeploymentKind | None) -> str:
    """The path of the first request: `/info`, or the list of models on a Foundry resource, which has no `/info`."""
    return f"{FOUNDRY.openai_path}/models" if kind is FOUNDRY else f"/info?api-version={API_VERSION}"


def deployment_behind(name: str, provider: str) -> str:
    """A deployment's name for what the container of managed compute calls its model; the same name for any other."""
    rows = [row for row in deployments().values() if row.container_name == name]
    exact = [row.name for row in rows if row.container_provider == provider]
    return (exact or [row.name for row in rows] or [name])[0]


def _of_info(body: Any) -> str:
    fields = body if isinstance(body, dict) else {}
    name, provider = fields.get("model_name"), fields.get("model_provider_name")
    return deployment_behind(name, str(provider or "")) if isinstance(name, str) else ""


def _listed(openai: str, credential: str) -> http.Response | None:
    try:
        return http.request("GET", f"{openai}/models", credential)
    except CookbookError:
        return None


def _only_one(answer: http.Response | None) -> str:
    body = answer.json() if answer and answer.status == 200 else None
    rows = body.get("data") if isinstance(body, dict) else None
    names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""
