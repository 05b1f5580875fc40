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
_FAILED = pytest.StashKey[bool]()  # a test that has failed, or was skipped, is not failed again when it ends


@pytest.fixture(scope="session")
def _azure_processes() -> Processes:
    from mistral_on_azure.testing.shared_processes import shared

    processes = shared()
    processes.begin("serverless")  # it starts while the imports of the next fixture are done
    return processes


@pytest.fixture
def azure_endpoint(request: pytest.FixtureRequest, _azure_processes: Processes) -> Iterator[Endpoint]:
    """A Mistral deployment on Azure, on this machine, and nothing left on it of the test before.

    AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL lead the app to it. Its process serves all tests of a
    session, or of an xdist worker. A prompt that the test gave no answer for is refused, and fails the test.
    """
    from mistral_on_azure.testing.endpoint_double import Endpoint

    with Endpoint(_azure_processes) as endpoint:
        request.node.stash[_ENDPOINT], request.node.stash[_FAILED] = endpoint, False
        yield endpoint
        if not request.node.stash[_FAILED]:
            _check(endpoint)  # other fixtures may have let the app ask again


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    if _ENDPOINT in item.stash:
        _check(item.stash[_ENDPOINT])
    return result


def _check(endpoint: Endpoint) -> None:
    """Fail a test that sent a prompt it gave no answer for."""
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
