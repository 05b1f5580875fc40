"""The lists by which tests are shared out, or left to `make test-all`, name files and tests that there are."""

from __future__ import annotations

from itertools import chain

import pytest

from balancing import SLOWEST, TOGETHER
from long_tests import LONG


@pytest.mark.parametrize("name", [*SLOWEST, *chain(*TOGETHER)])
def test_the_file_is_there(root, name):
    assert (root / name).is_file()


@pytest.mark.parametrize("beginning", LONG)
def test_what_takes_long_is_there(root, beginning):
    path, _, name = beginning.partition("::")
    assert (root / path).exists()
    if name:
        assert f"def {name.partition('[')[0]}" in (root / path).read_text(encoding="utf-8")
