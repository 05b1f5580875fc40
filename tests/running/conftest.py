"""A folder to run notebooks in."""

from __future__ import annotations

import pytest

from commanding import Cookbook


@pytest.fixture
def cookbook(tmp_path) -> Cookbook:
    return Cookbook(tmp_path)
