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


@pytest.fixture(scope="session")
def _azure_processes() -> Iterator[Processes]:
    from mistral_on_azure.testing.shared_processes import Processes

    with Processes() as processes:
        processes.begin("serverless")  # it starts while the imports of the next fixture are done
        yield processes


@pytest.fixture
def azure_endpoint(request: pytest.FixtureRequest, _azure_processes: Processes) -> Iterator[Endpoint]:
    """A Mistral deployment on Azure, on this machine, and nothing left on it of the test before.

    AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL lead the app to it. Its process serves all tests of a
    session, or of an xdist worker. A prompt that the test gave no answer for is refused, and fails the test.
    """
    from mistral_on_azure.testing.endpoint_double import Endpoint

    with Endpoint(_azure_processes) as endpoint:
        request.node.stash[_ENDPOINT] = endpoint
        yield endpoint
        if refused := endpoint.unexpected:
            pytest.fail(f"{refused[0]}\n\n{endpoint.report()}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    endpoint = item.stash.get(_ENDPOINT, None)
    if call.when == "call" and report.failed and endpoint is not None:
        report.sections.append(("What azure_endpoint was sent, and what it answered", endpoint.report()))
    return report
