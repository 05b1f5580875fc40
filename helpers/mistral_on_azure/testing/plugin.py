"""The pytest plugin: the fixture `azure_endpoint`, and the exchanges in the report of a test that fails.

pytest imports this file in every session, so it imports nothing but pytest until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mistral_on_azure.testing.endpoint_double import Endpoint
    from mistral_on_azure.testing.shared_processes import Processes

_ENDPOINT = pytest.StashKey["Endpoint"]()
_FAILED = pytest.StashKey[bool]()  # whether the test has failed or was skipped, and must not fail again at its end


@pytest.fixture(scope="session")
def _azure_processes() -> Processes:
    from mistral_on_azure.testing.shared_processes import shared

    processes = shared()
    processes.begin("serverless")  # the process starts during the imports of the next fixture
    return processes


@pytest.fixture
def azure_endpoint(request: pytest.FixtureRequest, _azure_processes: Processes) -> Iterator[Endpoint]:
    """A local endpoint that stands in for a Mistral deployment on Azure, with nothing left of earlier tests.

    AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL have its address and key. One process serves all tests of a
    session, or of an xdist worker. A prompt without an answer in the test is refused, and fails the test.
    """
    from mistral_on_azure.testing.endpoint_double import Endpoint

    with Endpoint(_azure_processes) as endpoint:
        request.node.stash[_ENDPOINT], request.node.stash[_FAILED] = endpoint, False
        yield endpoint
        if not request.node.stash[_FAILED]:
            _check(endpoint)  # the app may have sent more requests while other fixtures ended


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    if _ENDPOINT in item.stash:
        _check(item.stash[_ENDPOINT])
    return result


def _check(endpoint: Endpoint) -> None:
    """Fail a test that sent a prompt without an answer."""
    from mistral_on_azure.errors import CookbookError

    try:
        refused = endpoint.unexpected
    except CookbookError as error:
        refused = [str(error)]
    if refused:
        pytest.fail(refused[0], pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    if _ENDPOINT in item.stash:
        item.stash[_FAILED] |= call.excinfo is not None
        if report.failed:
            from mistral_on_azure.testing.endpoint_double import REPORT

            report.sections.append((REPORT, item.stash[_ENDPOINT].report()))
    return report
