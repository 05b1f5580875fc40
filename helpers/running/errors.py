"""An error of a notebook in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 400  # characters
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMMAND = re.compile(r"##(?=vso\[|\[)|^(\s*)::", re.MULTILINE)  # of Azure Pipelines and GitHub, in a log
_ARROW = re.compile(r"^-+> *\d+ (.*)$", re.MULTILINE)


def one_line(kind: str, message: str, traceback: Sequence[str] = ()) -> str:
    """The error's class and message. An assertion without a message is told by the line that failed.

    Args:
        traceback: as a kernel sends it, with colours.
    """
    said = " ".join(plain(message).split())
    if not said:
        arrows = _ARROW.findall(plain("\n".join(traceback)))
        said = arrows[0].strip() if arrows else ""
    if len(said) > _LONGEST:
        said = f"{said[: _LONGEST - 1]}…"
    if kind == "CookbookError" or not said:
        return said or kind
    return f"{kind}: {said}"


def plain(text: str) -> str:
    """A text without colours, without characters that XML and terminals cannot show, and without commands to a CI.

    An error may hold what an endpoint has said, and a CI system obeys whatever it finds in the log.
    """
    shown = "".join(each for each in _COLOUR.sub("", text) if each.isprintable() or each in "\n\t")
    return _COMMAND.sub(lambda found: f"{found[1]}: :" if found[1] is not None else "# #", shown)
