"""Names become one part of a path, whatever somebody called a deployment."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistral_on_azure.azure.files import path_part

NAMES = [
    "..",
    ".",
    ".lock",
    "mistral:7b",
    "CON",
    "nul.txt",
    "com1",
    "a/b",
    "a\\b",
    "a ",
    "a.",
    "",
    "-rf",
    "~",
    "x" * 400,
    "é",
]


@pytest.mark.parametrize("name", ["Mistral-7B-Instruct-v03", "mistral_large.2", "7b", "console"])
def test_an_ordinary_name_stays(name):
    assert path_part(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_any_other_becomes_a_file_of_that_folder(name):
    part = path_part(name)
    for kind in (PurePosixPath, PureWindowsPath):
        assert len((kind("folder") / part).parts) == 2 and (kind("folder") / part).parent == kind("folder")
    assert part not in ("", ".", "..") and part[0] != "." and part[-1] not in ". " and len(part) <= 140
    assert not set(part) & set('<>:"/\\|?*') and part.isascii()
    assert part.upper().split(".")[0] not in ("CON", "NUL", "COM1")


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_names_never_become_one(one, other):
    assert (path_part(one) == path_part(other)) == (one == other)
