"""Where values stand in a TOML file."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.catalog.toml_files import line_of, places

ROOT = Path(__file__).resolve().parents[2]
FILES = subprocess.run(
    ["git", "ls-files", "*.toml"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
ODD = '''# [no]
exchange = [
  {prompt = "a = {", answers = ["b"]},
  # [ no
  {prompt = "c", "x y".b . c = {d = [[1],
    [2, "\\"]"], 1979-05-27 07:32:00, """
 " ] ""\\"
"""
   ]}, fault = 3},
]
[[table]]
k = [1,
2]
[table."in it"]
text = "\u2028\x85"
last = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["exchange"], 2),
        (["exchange", 0, "answers", 0], 3),
        (["exchange", 1], 5),
        (["exchange", 1, "x y", "b", "c", "d", 1, 1], 6),
        (["exchange", 1, "x y", "b", "c", "d", 3], 6),
        (["exchange", 1, "fault"], 9),
        (["exchange", 1, "there is none"], 5),
        (["table", 0], 11),
        (["table", 0, "k", 1], 13),
        (["table", 0, "in it", "last"], 16),
        (["nowhere"], 1),
    ],
)
def test_a_value_in_an_odd_file_has_its_line(path, line):
    assert line_of(ODD, path) == line


@pytest.mark.parametrize("name", FILES)
def test_each_value_of_each_file_has_its_place(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    found = {path for _, path in places(text)}

    def check(value: Any, path: tuple[str | int, ...]) -> None:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(each, dict | list):
                check(each, (*path, key))
            else:
                assert (*path, key) in found

    check(tomllib.loads(text), ())
