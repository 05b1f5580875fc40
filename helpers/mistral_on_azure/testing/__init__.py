"""An app's tests on the local endpoint: no Azure account, no network, and answers of one's own.

With pytest, the fixture azure_endpoint is there as soon as the package is installed: `plugin`. With anything else, it
is a context manager, in `endpoint_double`. For any language: `python -m mistral_on_azure.testing -- npm test`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOUBLE, _SENT = "mistral_on_azure.testing.endpoint_double", "mistral_on_azure.testing.sent_requests"
_HOMES = {"Endpoint": _DOUBLE, "azure_endpoint": _DOUBLE, "SentRequest": _SENT}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"no {name!r} is offered for tests; there are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
