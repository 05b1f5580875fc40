"""What the tests of this run ask of a fixture that is made once for all of them, so that it makes nothing else."""

from __future__ import annotations

from typing import Any

import pytest


def asked(request: pytest.FixtureRequest, parameter: str) -> list[Any]:
    """The values of a parameter in the selected tests that use the requesting fixture, each once, in their order.

    Args:
        request: of the fixture.
        parameter: its name; tests without it have no say.
    """
    tests = [item for item in request.session.items if request.fixturename in getattr(item, "fixturenames", ())]
    given = [item.callspec.params for item in tests if item.path == request.path and hasattr(item, "callspec")]
    return list(dict.fromkeys(params[parameter] for params in given if parameter in params))
