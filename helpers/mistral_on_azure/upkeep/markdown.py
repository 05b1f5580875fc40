"""Pages in Markdown: templates of Jinja that are filled with values, tables and code blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

_FORCED = ("csharp",)  # the lexer does not know all of the language, such as the first lines of a one-file program


def code(text: str, language: str, style: str = "") -> str:
    """A code block in MyST Markdown, with a longer fence than any in its text, and perhaps a class of CSS."""
    fence = "`" * max((len(found) + 1 for found in re.findall(r"^`{3,}", text, re.M)), default=3)
    options = (f":class: {style}\n" if style else "") + (":force:\n" if language in _FORCED else "")
    return f"{fence}{{code-block}} {language}\n{options}\n{text.rstrip()}\n{fence}"


def table(rows: Sequence[Sequence[str]], align: str = "left") -> str:
    """A table. The first row is its head, and `align` is for all columns but the first."""
    head, *rest = rows
    lines = [head, ["---", *["---:" if align == "right" else "---"] * (len(head) - 1)], *rest]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in lines)


def filled(template: Path, names: dict[str, Any] | None = None, **values: Any) -> str:
    """The text of a template with its values.

    Args:
        template: its path without the ending `.md.j2`. It may include others of its folder.
        names: what every template may use; a function may be used as a filter.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    known = {"code": code, "table": table, **(names or {})}
    environment.filters |= {name: value for name, value in known.items() if callable(value)}
    environment.globals |= known
    return environment.get_template(f"{template.name}.md.j2").render(values)
