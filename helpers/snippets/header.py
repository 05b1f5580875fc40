"""The comment a starter begins with: what it is, what to install, what to set."""

from __future__ import annotations

from collections.abc import Sequence

from helpers.urls import CREDENTIAL, ENDPOINT

_MEANING = {
    ENDPOINT: "the endpoint's base address, without /v1 or /score",
    CREDENTIAL: "the endpoint's key",
}
_NO_KEY = "No key: sign in with `az login`, or run it where a managed identity is."


def header(title: str, task: str, first: Sequence[str], code: str) -> str:
    """The comment.

    Args:
        title: the notebook's title.
        task: the heading of the section.
        first: lines on what has to be there, such as the install line.
        code: the program below; the variables it reads are explained.
    """
    variables = [name for name in _MEANING if name in code]
    width = max(map(len, variables), default=0)
    lines = [f"{title}: {task}", *first]
    if variables:
        lines.append(f"Set {'these environment variables' if len(variables) > 1 else 'this environment variable'}:")
        lines += [f"  {name:{width}}  {_MEANING[name]}" for name in variables]
    if CREDENTIAL not in variables:
        lines.append(_NO_KEY)
    return "\n".join(f"# {line}" for line in lines)
