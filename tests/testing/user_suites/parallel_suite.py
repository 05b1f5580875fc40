"""A user's tests for pytest-xdist: each worker has an endpoint of its own."""

from __future__ import annotations

import pytest
from app_under_test import ask


@pytest.mark.parametrize("number", range(12))
def test_many(azure_endpoint, number):
    azure_endpoint.answer("Hello", f"Hi {number}")
    assert ask("Hello") == f"Hi {number}" and len(azure_endpoint.requests) == 1
