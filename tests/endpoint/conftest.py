"""What several tests of the endpoint begin with."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest
from asking import serve


@pytest.fixture
def served(tmp_path):
    """Makes an application of scripts in TOML."""
    return partial(serve, tmp_path)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Tests that are coroutines run on the event loop of the endpoint, by the plugin of anyio, which httpx brings."""
    return "asyncio", {"use_uvloop": find_spec("uvloop") is not None}
