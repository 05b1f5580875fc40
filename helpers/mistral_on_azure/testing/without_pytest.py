"""The endpoint without pytest: a context manager, and a TestCase for unittest.

unittest does not pass a test's exception to a context manager that was entered with `enterContext`; hence the TestCase.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from mistral_on_azure.testing.endpoint_double import REPORT, Endpoint
from mistral_on_azure.testing.shared_processes import shared


@contextlib.contextmanager
def noting(endpoint: Endpoint) -> Iterator[None]:
    """Add a note with the requests and answers to an exception that leaves the `with` block."""
    try:
        yield
    except Exception as error:
        endpoint.noted = True
        error.add_note(f"{REPORT}:\n{endpoint.report()}")
        raise


@contextlib.contextmanager
def azure_endpoint(kind: str = "serverless") -> Iterator[Endpoint]:
    """An endpoint for a `with` block, for tests that do not use pytest.

    An exception that leaves the block gets a note with the requests and answers.

    Args:
        kind: `serverless`, `managed` or `foundry`.

    Raises:
        CookbookError: when it does not start.
        AssertionError: at the end, when the app sent a prompt without an answer.
    """
    with Endpoint(shared(), kind) as endpoint:
        with noting(endpoint):
            yield endpoint
        if not endpoint.noted and (refused := endpoint.unexpected):
            raise AssertionError(f"{refused[0]}\n\n{REPORT}:\n{endpoint.report()}")


class EndpointTestCase(unittest.TestCase):
    """A TestCase with an endpoint in each test, whose failures show the requests and answers.

    For tests that are coroutines, inherit from `unittest.IsolatedAsyncioTestCase` as well, after this class.

    Attributes:
        kind: `serverless`, `managed` or `foundry`; a subclass may set it.
        endpoint: the endpoint, after `setUp`.
    """

    kind = "serverless"
    endpoint: Endpoint

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        test = getattr(self, methodName, None)
        if test is not None:
            setattr(self, methodName, self._noting(test))

    def setUp(self) -> None:
        super().setUp()
        self.endpoint = self.enterContext(azure_endpoint(self.kind))

    def _noting(self, test: Callable[[], Any]) -> Callable[[], Any]:
        """The test, whose exceptions get a note with the requests and answers."""
        if inspect.iscoroutinefunction(test):

            @functools.wraps(test)
            async def noted() -> Any:
                with noting(self.endpoint):
                    return await test()

        else:

            @functools.wraps(test)
            def noted() -> Any:
                with noting(self.endpoint):
                    return test()

        return noted
