"""What several tests of the endpoint begin with."""

from __future__ import annotations

from functools import partial

import pytest
from own_scripts import serve


@pytest.fixture
def served(tmp_path):
    """Makes an application of scripts in TOML."""
    return partial(serve, tmp_path)
