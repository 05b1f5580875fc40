"""MyST Markdown, in pieces: directives that can be nested, code blocks, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def directive(name: str, body: str, argument: str = "", **options: str) -> str:
    """A directive with colon fences, longer than any inside of it.

    Args:
        options: `class_` stands for `class`, and `sync_group` for `sync-group`; an empty value makes a flag.
    """
    fence = ":" * max(3, _longest(body, ":") + 1)
    given = "".join(
        f":{option.strip('_').replace('_', '-')}: {value}".rstrip() + "\n" for option, value in options.items()
    )
    content = f"\n{body.strip()}\n" if body else ""
    return f"{fence}{{{name}}} {argument}".rstrip() + f"\n{given}{content}{fence}\n"


def code_block(text: str, language: str, **options: str) -> str:
    """A code block, highlighted and with a copy button."""
    fence = "`" * max(3, _longest(text, "`") + 1)
    given = "".join(f":{option.strip('_')}: {value}\n" for option, value in options.items())
    return f"{fence}{{code-block}} {language}\n{given}\n{text.rstrip()}\n{fence}\n"


def tab_set(group: str, items: Iterable[tuple[str, str, str]], selected: str = "") -> str:
    """Tabs that stay in step with all others of their group, on this page and on every other.

    Args:
        group: the group's name, by which the choice is remembered.
        items: a key, a title and the content of each tab.
        selected: the key of the tab that is open until the reader chooses.
    """
    made = [
        directive("tab-item", content, title, sync=key, **({"selected": ""} if key == selected else {}))
        for key, title, content in items
    ]
    return directive("tab-set", "\n".join(made), sync_group=group)


def table(rows: Sequence[Sequence[str]], align: str = "left") -> str:
    """A table whose first row is its head, in a box of its own that scrolls when the page is narrow."""
    head, *rest = rows
    rule = "---:" if align == "right" else "---"
    lines = [head, [":---", *[rule] * (len(head) - 1)], *rest]
    made = "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in lines)
    return f"{made}\n"


def _longest(text: str, sign: str) -> int:
    return max(map(len, re.findall(f"^{sign}{{3,}}", text, re.M)), default=0)
