"""An app's tests on the local endpoint: no Azure account, no network, and answers of one's own.

With pytest, the fixture azure_endpoint is there as soon as the package is installed: `plugin`. For unittest there is a
TestCase, for anything else in Python a context manager: `without_pytest`. For any language:
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
        raise AttributeError(f"no {name!r} is offered for tests; there are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
