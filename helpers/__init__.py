"""What the notebooks import: everything around a call that is not the lesson.

The names load on first use, so that `import helpers` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "connect": "helpers.connecting",
    "use_entra_id": "helpers.connecting",
    "use_key": "helpers.connecting",
    "fail_next": "helpers.failing",
    "imitate_pace": "helpers.pacing",
    "print_stream": "helpers.printing",
    "show_usage": "helpers.printing",
    "show_wire": "helpers.wire",
    "show_logprobs": "helpers.logprobs",
    "show_deployments": "helpers.deployment_table",
    "plot_deployments": "helpers.deployment_plot",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"helpers has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
