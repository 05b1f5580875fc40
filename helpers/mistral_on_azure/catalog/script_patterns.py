"""The patterns of a script, regular expressions of the package `regex`, and the placeholders that their groups fill."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_PLACEHOLDER = re.compile(r"(\$?)\$\{(\w+)\}")
MOST_REPEATED = 100_000  # characters of a pattern with its counted repetitions written out: 0.1 s to compile
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d{0,9}),?(\d{0,9})\}|.", re.DOTALL)


def placeholders(text: str) -> set[str]:
    """The names in a text's placeholders."""
    return {name for escape, name in _PLACEHOLDER.findall(text) if not escape}


def filled(text: str, groups: dict[str, str]) -> str:
    """A text in which each placeholder is replaced by the match of its group; `$${name}` becomes `${name}`."""
    return _PLACEHOLDER.sub(lambda found: found[0][1:] if found[1] else groups[found[2]], text)


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> Any:
    """A compiled pattern of the package `regex`, whose search can be given a time limit.

    Raises:
        ValueError: for what is no regular expression, or for one that repeats so much that it takes long to compile.
    """
    import regex  # only where there is a pattern: it takes a while to import

    if (size := written_out(pattern)) > MOST_REPEATED:
        most = f"with its repetitions written out, where {MOST_REPEATED:,} are allowed"
        raise ValueError(f"the pattern {pattern!r} has {size:,} characters {most}")
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None


def written_out(pattern: str) -> int:
    """About the number of characters that a pattern has with its counted repetitions, such as `{3,5}`, written out."""
    sizes, last = [0], 0  # of each group that is open, and of the last item
    for part in _PARTS.finditer(pattern):
        if part[0] == "(":
            sizes.append(0)
            continue
        if part[0] == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif part[1] or part[2]:
            times = max(1, *(int(bound or 0) for bound in part.groups()))
            sizes[-1] -= last
            last *= times
        else:
            last = 1
        sizes[-1] += last
    return sum(sizes)


def groups_of(pattern: str) -> list[str]:
    """The names and numbers of a pattern's groups, `0` for all that matched.

    Raises:
        ValueError: for what is no regular expression.
    """
    form = compiled(pattern)
    return [*map(str, range(form.groups + 1)), *form.groupindex]
