"""For an app's tests: a local endpoint with answers that each test chooses, without an Azure account or a network.

For pytest, `plugin` has the fixture azure_endpoint, which comes with the package. For other Python programs,
`without_pytest` has a TestCase for unittest and a context manager. For any language there is
`python -m mistral_on_azure.testing -- npm test`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOUBLE, _SENT = "mistral_on_azure.testing.endpoint_double", "mistral_on_azure.testing.sent_requests"
_WITHOUT = "mistral_on_azure.testing.without_pytest"
_HOMES = {"Endpoint": _DOUBLE, "SentRequest": _SENT, "azure_endpoint": _WITHOUT, "EndpointTestCase": _WITHOUT}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"there is no {name!r} for tests; there are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
