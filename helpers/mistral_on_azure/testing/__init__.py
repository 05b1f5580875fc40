"""An app's tests on the local endpoint: no Azure account, no network, and answers of one's own.

With pytest, the fixture `azure_endpoint` is there as soon as the package is installed. With anything else:

    from mistral_on_azure.testing import azure_endpoint

    with azure_endpoint() as endpoint:
        endpoint.answer("How many languages are in the world?", "About 7,000.")
        run_the_app()
        assert endpoint.requests[0].prompt == "How many languages are in the world?"

Any program in any language: `python -m mistral_on_azure.testing -- npm test`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {"Endpoint": "endpoint_double", "azure_endpoint": "endpoint_double", "SentRequest": "sent_requests"}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"mistral_on_azure.testing has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"mistral_on_azure.testing.{_HOMES[name]}"), name)
