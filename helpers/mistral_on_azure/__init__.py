"""Every name that a notebook imports: what surrounds a call to a model, and is not what the notebook teaches.

The module of a name is imported when the name is first used, so that `import mistral_on_azure` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "CookbookError": "mistral_on_azure.errors",
    "check_endpoint": "mistral_on_azure.azure.addresses",
    "connect": "mistral_on_azure.notebook.connecting",
    "local_endpoint": "mistral_on_azure.notebook.connecting",
    "answers_are_scripted": "mistral_on_azure.notebook.connecting",
    "deployments": "mistral_on_azure.azure.deployments",
    "models": "mistral_on_azure.catalog.models",
    "sizes": "mistral_on_azure.catalog.models",
    "use_entra_id": "mistral_on_azure.notebook.connecting",
    "use_key": "mistral_on_azure.notebook.connecting",
    "fail_next": "mistral_on_azure.notebook.connecting",
    "imitate_pace": "mistral_on_azure.notebook.connecting",
    "print_stream": "mistral_on_azure.notebook.streams",
    "show_usage": "mistral_on_azure.notebook.streams",
    "show_wire": "mistral_on_azure.notebook.wire",
    "show_logprobs": "mistral_on_azure.notebook.token_probabilities",
    "show_bars": "mistral_on_azure.notebook.charts",
    "start_backend": "mistral_on_azure.notebook.telemetry",
    "colours": "mistral_on_azure.notebook.figures",
    "show_figure": "mistral_on_azure.notebook.figures",
    "show_table": "mistral_on_azure.notebook.figures",
    "kept": "mistral_on_azure.notebook.kept_measurements",
    "recipe_programs": "mistral_on_azure.notebook.kept_measurements",
    "record_calls": "mistral_on_azure.notebook.tapes",
    "replay_calls": "mistral_on_azure.notebook.tapes",
    "show_deployments": "mistral_on_azure.notebook.model_views",
    "plot_likeness": "mistral_on_azure.notebook.charts",
    "plot_needed": "mistral_on_azure.notebook.charts",
    "plot_scores": "mistral_on_azure.notebook.charts",
    "plot_trade": "mistral_on_azure.notebook.charts",
    "plot_bars": "mistral_on_azure.notebook.charts",
    "plot_deployments": "mistral_on_azure.notebook.model_views",
    "plot_client_faults": "mistral_on_azure.notebook.kept_measurements",
    "plot_quota_use": "mistral_on_azure.notebook.kept_measurements",
    "plot_layers": "mistral_on_azure.notebook.service_views",
    "plot_base_urls": "mistral_on_azure.notebook.service_views",
    "plot_arrivals": "mistral_on_azure.notebook.streams",
    "plot_rounds": "mistral_on_azure.notebook.round_views",
    "plot_sampling": "mistral_on_azure.notebook.token_probabilities",
    "show_models": "mistral_on_azure.notebook.model_views",
    "plot_models": "mistral_on_azure.notebook.model_views",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"mistral_on_azure has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
