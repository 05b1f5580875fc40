"""The deployments that the cookbook knows: name, size, context length and abilities, read from deployments.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model as Azure deploys it.

    Attributes:
        parameters_total: in billions.
        parameters_active: those that each token uses, in billions.
        context: the context length, in tokens.
        tools: whether the model calls tools.
        claim: what Mistral AI says of the model.
    """

    name: str
    architecture: str
    parameters_total: float
    parameters_active: float
    context: int
    languages: tuple[str, ...]
    tools: bool
    claim: str
    tokenizer: str
    container_name: str
    container_provider: str

    @property
    def info(self) -> dict[str, str]:
        """What `GET /info` answers for this deployment."""
        return {"model_name": self.name, "model_type": "chat-completions", "model_provider_name": "MistralAI"}


@cache
def _table() -> dict:
    return tomllib.loads(Path(__file__).with_name("deployments.toml").read_text(encoding="utf-8"))


@cache
def deployments() -> dict[str, Deployment]:
    """Every known deployment by name, the default one first."""
    rows = [Deployment(**{**row, "languages": tuple(row["languages"])}) for row in _table()["deployment"]]
    return {row.name: row for row in sorted(rows, key=lambda row: row.name != default_name())}


def imitated_paces() -> dict[str, dict[str, float]]:
    """The imitated pace of each deployment, by name: `first_token` in seconds, and `tokens_per_second`."""
    return _table()["imitated_pace"]


def default_name() -> str:
    """The deployment that answers when a request names none."""
    return _table()["default"]
