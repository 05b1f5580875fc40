"""A process that has not called `connect`."""

from __future__ import annotations

import pytest

from mistral_on_azure.notebook import connecting


@pytest.fixture
def unconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_current", None)
    monkeypatch.setattr(connecting, "_started", None)
