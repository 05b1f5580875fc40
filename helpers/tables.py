"""The generated part of the README: tasks by clients, each cell a link to a notebook's section."""

from __future__ import annotations

from pathlib import Path

from helpers.sections import CLIENTS, anchor, tasks

_BEGIN, _END = "<!-- tasks: made by `make tables` -->", "<!-- end of tasks -->"


def task_table(folder: Path) -> str:
    """The table, as Markdown.

    Args:
        folder: where the notebooks are.
    """
    rows = [["Task", *CLIENTS.values()], ["---"] * (len(CLIENTS) + 1)]
    for task in tasks(folder):
        links = [f"[{name}](notebooks/{client}.ipynb#{anchor(task)})" for client, name in CLIENTS.items()]
        rows.append([task, *links])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_table(text: str, folder: Path) -> str:
    """A README's text with its table made anew."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{task_table(folder)}\n\n{_END}{after}"


def write(root: Path) -> None:
    """Rebuild the table in README.md."""
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), root / "notebooks"), encoding="utf-8")
