"""What tests of the doctor share: an environment without proxies or certificates of the person who runs them."""

from __future__ import annotations

import os

import pytest

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_IDENTITY = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


@pytest.fixture(autouse=True)
def plain_environment(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_NAMES, *map(str.lower, _NAMES), *_IDENTITY):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", os.devnull)
