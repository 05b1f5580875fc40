"""The page: Markdown made from nothing but the kept measurements, so that the two can never differ."""

from __future__ import annotations

from pathlib import Path

from helpers.faults_table.calls import CALLS, PACKAGES
from helpers.faults_table.cases import GROUPS
from helpers.faults_table.keeping import Results
from helpers.faults_table.rows import detailed, short
from helpers.faults_table.summary import summary

NAME = "CLIENTS_AND_FAULTS.md"


def save(kept: Results, folder: Path) -> None:
    """Write the page."""
    (folder / NAME).write_text(page(kept), encoding="utf-8")


def page(kept: Results) -> str:
    """The whole page."""
    return "\n".join([*_head(kept), *summary(kept), "", *_overview(kept), *_groups(kept)])


def _head(kept: Results) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    return [
        "# What six clients do about faults",
        "",
        "Made by `make faults`, which measures everything again; a test keeps it current. The data is in "
        "`clients_and_faults.json`, and `faults.py` tells how to ask for each fault yourself.",
        "",
        "Each client made one chat completion as in its notebook, with its own defaults: no retries added, no timeout "
        "given unless a table says so. The fault was there for every try. Tries are the requests that the endpoint "
        f"received, waits the seconds between them. {kept['repeats']} repeats on {kept['system']}, Python "
        f"{kept['python']}: {versions}. No entry was made by hand.",
        "",
    ]


def _overview(kept: Results) -> list[str]:
    lines = [
        "## At a glance",
        "",
        "Tries, then what the user gets. **Bold**: no exception, and yet not the whole answer.",
        "",
        *_table_head(["Fault", *CALLS]),
    ]
    for group in GROUPS:
        for case in group.cases:
            cells = [short(kept["measured"][case.name][client]) for client in CALLS]
            lines.append(_row([case.name, *cells]))
    return [*lines, ""]


def _groups(kept: Results) -> list[str]:
    lines = []
    for group in GROUPS:
        streamed = any(case.stream for case in group.cases)
        columns = ["Client", "Fault", "Tries", "Waits (s)", "Raised", "Its user sees", "Text kept"]
        lines += [f"## {group.title}", "", group.about, "", *_table_head(columns if streamed else columns[:-1])]
        for client in CALLS:
            for row in detailed(kept, client, group):
                lines.append(_row(row if streamed else row[:-1]))
        lines.append("")
    return [*lines, *_notes()]


def _notes() -> list[str]:
    installed = ", ".join(f"{client} is the package `{package}`" for client, package in PACKAGES.items())
    return [
        "## How to read it",
        "",
        f"- {installed}.",
        "- Faults that one client treats alike share a row, and the spans of their waits.",
        "- `{status}`, `{reason}`, `{code}`, `{message}` and `{body}` stand for what the endpoint said, as far as the "
        "client repeats it.",
        "- A wait includes what little time the try before it took, except for a timeout, which is taken off. Spans "
        "are the shortest and the longest that was measured: some clients draw their waits at random.",
        "- The status after an exception's name is the one the exception carries, whatever the wire said.",
        "- *Own code*: the client handed out the answer as it was, and the user's own line failed on it.",
        "- Text kept: of a stream, what its user had in hand when it ended.",
        "- *Varies*: the repeats differed, so it depends on chance; the test does not ask for it.",
        "- HOST, PORT, ID, N and … stand for what differs from one run or machine to the next; long texts are cut.",
        "",
    ]


def _table_head(columns: list[str]) -> list[str]:
    return [_row(columns), f"|{' --- |' * len(columns)}"]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
