"""A mistake in what is given to `cookbook lab` is one line, before JupyterLab starts."""

from __future__ import annotations

import subprocess

import pytest

from commanding import COOKBOOK


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--prot=9000", "No such option '--prot'. Did you mean '--port'? See `cookbook lab --help`."),
        ("--port=nine", "'nine' is not a valid integer"),
        ("--port=99999", "99999 is not in the range"),
    ],
)
def test_a_mistake_is_one_line(given, said):
    done = subprocess.run([COOKBOOK, "lab", "--no-browser", given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1
