"""256 clients that come and go as they please, then hostile ones: the endpoint is left with what it began with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.all
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process holds is read from Linux's /proc")
def test_nothing_is_left_of_a_load():
    """How long others wait meanwhile is measured by hand, on a quiet machine: see `load`."""
    command = [sys.executable, str(Path(__file__).with_name("load.py")), "15"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    assert "left over: nothing" in said, said
    assert "UNEXPECTED" not in said
