"""The deployments that the cookbook knows: name, size, context length and abilities, read from deployments.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class Deployment(NamedTuple):
    """One model as Azure deploys it.

    Attributes:
        parameters_total: in billions.
        parameters_active: those that each token uses, in billions.
        context: the context length, in tokens.
        tools: whether the model calls tools.
        claim: what Mistral AI says of the model.
        tokenizer: v1, v3, v7 or tekken, by which the model's tokens are counted.
        estimated: whether `tokenizer` is not the model's own, so that counts are estimates.
        container_name: the `model_name` of `/info` on managed compute; container_provider its `model_provider_name`.
        output: the most tokens of a completion; None where only the context length limits it.
        json: whether the model has a JSON mode.
        sold: whether Azure sells it per token, on a Foundry resource, in place of deploying its weights.
    """

    name: str
    context: int
    tools: bool
    architecture: str = ""
    parameters_total: float = 0.0
    parameters_active: float = 0.0
    languages: tuple[str, ...] = ()
    claim: str = ""
    tokenizer: str = "v3"
    container_name: str = ""
    container_provider: str = ""
    output: int | None = None
    json: bool = False
    sold: bool = False
    estimated: bool = False

    @property
    def counted_with(self) -> str:
        """The tokenizer that the serverless kind counts with: v3 for the open models, as in Microsoft's example."""
        return self.tokenizer if self.sold else "v3"

    @property
    def info(self) -> dict[str, str]:
        """The answer to `GET /info` for this deployment, a JSON object."""
        return {"model_name": self.name, "model_type": "chat-completions", "model_provider_name": "MistralAI"}


@cache
def _table() -> dict:
    return tomllib.loads(Path(__file__).with_name("deployments.toml").read_text(encoding="utf-8"))


@cache
def deployments() -> dict[str, Deployment]:
    """Every known deployment by name, the default one first."""
    rows = [Deployment(**{**row, "languages": tuple(row["languages"])}) for row in _table()["deployment"]]
    return {row.name: row for row in sorted(rows, key=lambda row: row.name != default_name())}


@cache
def sold_deployments() -> dict[str, Deployment]:
    """The models that Azure sells per token, by name, as deployments of a Foundry resource."""
    return _per_token("sold")


@cache
def retired_deployments() -> dict[str, Deployment]:
    """The models that Azure sold per token until it retired them, by name."""
    return _per_token("retired")


def _per_token(kind: str) -> dict[str, Deployment]:
    rows = [Deployment(**row, sold=True) for row in _table()[kind]]
    if find_spec("mistral_common") is None:  # it has their tokenizers; only the notebooks' extra installs it
        rows = [row._replace(tokenizer="v3", estimated=True) for row in rows]
    return {row.name: row for row in rows}


def imitated_paces() -> dict[str, dict[str, float]]:
    """The imitated pace of each deployment, by name: `first_token` in seconds, and `tokens_per_second`."""
    paces = dict(_table()["imitated_pace"])
    sold = paces.pop("sold")
    return paces | dict.fromkeys([*sold_deployments(), *retired_deployments()], sold)


def default_name() -> str:
    """The deployment that answers when a request names none."""
    return _table()["default"]
