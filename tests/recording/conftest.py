"""The stand-in for a real endpoint, with its credential in the environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from upstream import KEY, Upstream

from mistral_on_azure.azure.addresses import CREDENTIAL


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with Upstream() as running:
        monkeypatch.setenv(CREDENTIAL, KEY)
        yield running
