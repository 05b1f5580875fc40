"""The lists by which tests are shared out name files that there are."""

from __future__ import annotations

import pytest
from balancing import SLOWEST, WITH_ALL_CLIENTS


@pytest.mark.parametrize("name", [*SLOWEST, *WITH_ALL_CLIENTS])
def test_the_file_is_there(root, name):
    assert (root / name).is_file()
