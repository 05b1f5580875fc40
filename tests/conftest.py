"""Shared by all tests: the project's folders, and a running local endpoint."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import clean_environment
from balancing import (  # noqa: F401  # hooks of pytest
    pytest_collection,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_ignore_collect,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from forks import Forks
from local_endpoint import Local
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.endpoint.starting import LocalEndpoint, start

clean_environment.clear()
ROOT = Path(__file__).resolve().parent.parent
settings.register_profile("busy machine", deadline=None)  # an example may have to wait for a processor
settings.load_profile("busy machine")
for name in ("SIGINT", "SIGHUP"):
    # nohup and a background job have them ignored, which all that tests start would inherit; a handler it does not.
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), lambda *_: None)
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # litellm would look its prices up on the network
# Nothing that tests call is vouched for by the world's authorities, and a client takes longer to read those than for a
# call. The file has one certificate, of nobody: its key was never kept.
_AUTHORITIES = os.environ.get("SSL_CERT_FILE")
os.environ["SSL_CERT_FILE"] = str(ROOT / "tests" / "nobody.pem")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """No test meets an endpoint of the person who runs it, or what another test left in the environment.

    It comes before monkeypatch, and goes after that has put back what it found, which a test itself may have set.
    """
    before = dict(os.environ)
    for name in (ENDPOINT, CREDENTIAL):
        os.environ.pop(name, None)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def world(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust whom this machine trusts, for a test that installs something."""
    monkeypatch.delenv("SSL_CERT_FILE")
    if _AUTHORITIES:
        monkeypatch.setenv("SSL_CERT_FILE", _AUTHORITIES)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[tuple[str, Callable[[], str]]]:
    """A running local endpoint and a supply of fresh keys for it."""
    keys = [secrets.token_hex(16) for _ in range(400)]
    with start(keys) as running:
        supply = iter(keys)
        yield running.url, lambda: next(supply)


@pytest.fixture
def local(endpoint: tuple[str, Callable[[], str]], monkeypatch: pytest.MonkeyPatch) -> Local:
    """A fresh virtual endpoint, named by the two environment variables."""
    url, new_key = endpoint
    fresh = Local(url, new_key())
    monkeypatch.setenv(ENDPOINT, fresh.url)
    monkeypatch.setenv(CREDENTIAL, fresh.key)
    return fresh


@pytest.fixture(scope="session")
def forks(endpoint: tuple[str, Callable[[], str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Runs clients' programs, outside of the project's folder."""
    url, new_key = endpoint
    early = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "SSL_CERT_FILE": Local(url, new_key()).session()["authorities"]}
    running = Forks(tmp_path_factory.mktemp("elsewhere"), early)
    yield running
    assert running.close() == ""


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def own_endpoint() -> Iterator[LocalEndpoint]:
    """A local endpoint process of a test's own, for tests that end it."""
    with start() as running:
        yield running
