"""The lists by which tests are shared out name files that there are."""

from __future__ import annotations

from itertools import chain

import pytest

from balancing import SLOWEST, TOGETHER


@pytest.mark.parametrize("name", [*SLOWEST, *chain(*TOGETHER)])
def test_the_file_is_there(root, name):
    assert (root / name).is_file()
