"""Patterns of a script are bounded before they are compiled, as no time limit ends that."""

from __future__ import annotations

import pytest

from mistral_on_azure.catalog.script_patterns import MOST_REPEATED, compiled, groups_of, written_out


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        (r"\d{4}-\d{2}-\d{2}T(?:\d\d:?){3}", 29),
        (r"(?P<name>\w{1,64})@(?:\w{1,63}\.){1,8}\w{2,63}", 664),
        (r"[{5000}]{2}\{5000}\(a", 10),  # in a set and after a backslash, braces repeat nothing
        (r"(?:(?:(?:(?:a|b){9}){9}){9}){9}", 34_443),
    ],
)
def test_a_pattern_that_repeats_a_little_is_compiled(pattern, size):
    assert written_out(pattern) == size
    assert compiled(pattern) and groups_of(pattern)[0] == "0"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        (r"(a{5000}){5000}", 25_000_000),  # `regex` takes 20 s to compile it
        (r"((a{300}){300}){30}", 2_700_000),
        (r"(?:(?:(?:a|b?){3,99}){99,}){99}", 5_841_594),
        (r"(" * 300 + "a" + "){2}" * 300, 2**300),
    ],
)
def test_a_pattern_that_repeats_too_much_is_refused(pattern, size):
    with pytest.raises(ValueError, match=f"with its repetitions written out, where {MOST_REPEATED:,} are allowed"):
        compiled(pattern)
    assert written_out(pattern) == size


@pytest.mark.parametrize("pattern", ["(", "a{2}{3}", "[", "(?P<x>a", "a)", "{3}", ")" * 500, "\\"])
def test_what_is_no_pattern_is_told(pattern):
    with pytest.raises(ValueError, match="is no regular expression"):
        compiled(pattern)
