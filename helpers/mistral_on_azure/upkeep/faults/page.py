"""The page of clients and faults: a summary and a table of each group of faults, made from the measurements."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mistral_on_azure.catalog.clients import clients, in_words
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.faults import archive, measuring
from mistral_on_azure.upkeep.faults.archive import LONG, PAIRS, Results, clients_in, measure_all, waits_long
from mistral_on_azure.upkeep.faults.cases import CASES, GROUPS, Case, Group


@dataclass(slots=True)
class _Row:
    """Faults that a client treats alike.

    Attributes:
        cells: all columns without the waits.
        obeys: whether the waits are those of `Retry-After`.
    """

    cases: list[Case]
    cells: list[str]
    waits: measuring.Spans
    obeys: bool

    def takes(self, other: _Row) -> bool:
        """Whether another row can be merged into this one."""
        same = self.cells == other.cells and self.obeys == other.obeys
        return same and (self.obeys or measuring.alike(self.waits, other.waits))

    def take(self, other: _Row) -> None:
        """Merge another row into this one."""
        self.cases += other.cases
        self.waits = measuring.joined(self.waits, other.waits)


def short(entry: Results) -> str:
    """A measurement in a few words, for the table of all clients."""
    if entry["raised"]:
        got = entry["raised"].rpartition(".")[2] + (", own code" if entry["own_code"] else "")
    else:
        got = {"all": "the answer", "part": "**a part**", "none": "**nothing**"}[entry["kept"]]
    tries = "/".join(str(each) for each in entry.get("varies", {}).get("tries", [entry["tries"]]))
    return f"{tries} · {got}" + (" *(varies)*" if "varies" in entry else "")


def detailed(kept: Results, client: str, group: Group) -> list[list[str]]:
    """The rows of one client as lists of cells. The last cell is for streamed calls only."""
    rows: list[_Row] = []
    for case in group.cases:
        new = _row(kept["measured"][case.name][client], case)
        host = next((row for row in rows if row.takes(new)), None)
        if host:
            host.take(new)
        else:
            rows.append(new)
    return [_cells(row, client if place == 0 else "") for place, row in enumerate(rows)]


def _row(entry: Results, case: Case) -> _Row:
    cells = [
        _or_varying(entry, "tries", str(entry["tries"])),
        _or_varying(entry, "raised", _raised(entry, case)),
        _or_varying(entry, "sees", _code(entry["sees"]) if entry["raised"] else entry["sees"]),
        _or_varying(entry, "kept", entry["kept"] if case.stream else "not streamed"),
    ]
    return _Row([case], cells, entry["waits"], measuring.obeys_retry_after(entry["waits"], case.retry_after))


def _cells(row: _Row, client: str) -> list[str]:
    tries, *others = row.cells
    statuses = {case.fault.get("status") for case in row.cases}
    if len(statuses) == 1:  # the placeholder stands for one status
        others = [cell.replace("{status}", str(*statuses)) for cell in others]
    names = ", ".join(case.name for case in row.cases)
    return [client, names, tries, "as told" if row.obeys else measuring.in_words(row.waits), *others]


def _or_varying(entry: Results, name: str, text: str) -> str:
    values = entry.get("varies", {}).get(name)
    return f"*varies:* {' or '.join(_code(value) for value in values)}" if values else text


def _raised(entry: Results, case: Case) -> str:
    if not entry["raised"]:
        return "nothing"
    status = "{status}" if entry["status"] == case.fault.get("status") else entry["status"]
    return f"`{entry['raised']}`{f' {status}' if entry['status'] else ''}{', own code' if entry['own_code'] else ''}"


def _code(text: Any) -> str:
    return f"`{str(text).replace('|', '¦').replace('`', '´')}`"


Question = Callable[[Results, Case, str], bool]


def summary(kept: Results) -> list[str]:
    """The lines of the summary."""
    return [
        "## What stands out",
        "",
        *_finding(kept, "No exception, and yet only a part of the answer", lost),
        *_finding(kept, "And this part even has a `finish_reason`, as if it were whole", _looks_whole),
        *_finding(kept, "Tries again", lambda entry, case, client: entry["tries"] > 1),
        *_finding(kept, f"Waits long, over {LONG:g} seconds altogether", lambda entry, *_: waits_long(entry)),
        *_finding(kept, "An exception that is not of the client's own, so its base class does not catch it", foreign),
        *_finding(kept, "A status in the exception that the endpoint never sent", _made_up),
        *_finding(kept, "Depends on chance", lambda entry, case, client: "varies" in entry),
    ]


def _finding(kept: Results, title: str, question: Question) -> list[str]:
    """One finding: a title, and a line for each client with such faults."""
    lines = []
    for client in clients_in(kept):
        found = [name for name, case in CASES.items() if question(kept["measured"][name][client], case, client)]
        if found:
            base = f" (`{clients()[client].exception}`)" if question is foreign else ""
            lines.append(f"  - {client}{base}: {'; '.join(found)}")
    return [f"- {title}:{'' if lines else ' none.'}", *lines]


def lost(entry: Results, case: Case, client: str) -> bool:
    return entry["raised"] is None and entry["kept"] != "all"


def _looks_whole(entry: Results, case: Case, client: str) -> bool:
    return lost(entry, case, client) and entry["finish"] is not None


def foreign(entry: Results, case: Case, client: str) -> bool:
    """Whether the exception is of another package; False for a client without exceptions of its own."""
    row, raised = clients()[client], not entry["own_code"] and entry["raised"]
    own = {module.partition(".")[0] for module in row.imports}
    return bool(raised and row.exception) and raised.partition(".")[0] not in own


def _made_up(entry: Results, case: Case, client: str) -> bool:
    return entry["status"] is not None and entry["status"] not in (case.fault.get("status"), 200)


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
        f"# How {in_words(len(clients_in(kept)))} clients handle faults",
        "",
        "Made by `make faults`, which measures everything again; a test compares it. The data is in "
        "`clients_and_faults.json`, and `endpoint/fault.py` lists the faults to request yourself.",
        "",
        "Each client made one chat completion as in its notebook, with its own defaults: no retries added, no timeout "
        "given unless a table says so. The fault was there for every try. Tries are the requests that the endpoint "
        f"received, waits the seconds between them. {kept['repeats']} repeats on {kept['date']}, "
        f"{kept['system']}, Python {kept['python']}: {versions}. No entry was written by hand.",
        "",
    ]


def _overview(kept: Results) -> list[str]:
    measured = clients_in(kept)
    lines = [
        "## At a glance",
        "",
        "Tries, then what the user gets. **Bold**: no exception, and yet not the whole answer.",
        "",
        *_table_head(["Fault", *measured]),
    ]
    for group in GROUPS:
        for case in group.cases:
            cells = [short(kept["measured"][case.name][client]) for client in measured]
            lines.append(_row_page([case.name, *cells]))
    return [*lines, ""]


def _groups(kept: Results) -> list[str]:
    lines, measured = [], clients_in(kept)
    for group in GROUPS:
        streamed = any(case.stream for case in group.cases)
        columns = ["Client", "Fault", "Tries", "Waits (s)", "Raised", "Its user sees", "Text kept"]
        lines += [f"## {group.title}", "", group.about, "", *_table_head(columns if streamed else columns[:-1])]
        for client in measured:
            for row in detailed(kept, client, group):
                lines.append(_row_page(row if streamed else row[:-1]))
        lines.append("")
    return [*lines, *_notes(measured)]


def _notes(measured: list[str]) -> list[str]:
    installed = ", ".join(f"{each} is the package `{clients()[each].package}`" for each in measured)
    return [
        "## How to read it",
        "",
        f"- {installed}.",
        "- Faults that one client treats alike share a row, and the spans of their waits.",
        "- `{status}`, `{reason}`, `{code}`, `{message}` and `{body}` stand for parts of the endpoint's response that "
        "the client repeats.",
        "- *As told*: the client waited as long as the response's header says.",
        "- A wait includes the short time of the try before it, but no timeout. Spans are the shortest and the longest "
        "wait that was measured: some clients choose their waits at random.",
        "- The status after an exception's name is that of the exception, which may differ from the response's.",
        "- *Own code*: the client returned the damaged answer, and the user's own line raised the exception.",
        "- Text kept: the part of a stream's text that the user had received when it ended.",
        "- *Varies*: the repeats differed, so it depends on chance; the test does not compare it.",
        "- HOST, PORT, ID, N and … stand for values that differ between runs or machines; long texts are cut.",
        "",
    ]


def _table_head(columns: list[str]) -> list[str]:
    return [_row_page(columns), f"|{' --- |' * len(columns)}"]


def _row_page(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def measure(folder: Path, repeats: int) -> None:
    """Measure all pairs of client and fault, and write the results and the page to a folder."""
    rounds = []
    for number in range(repeats):
        began = time.monotonic()
        rounds.append(measure_all(PAIRS))
        click.echo(f"Round {number + 1} of {repeats}: {len(PAIRS)} calls in {time.monotonic() - began:.0f} s")
    kept = archive.results(rounds)
    archive.save(kept, folder)
    save(kept, folder)
    click.echo(f"Wrote {folder / NAME} and {archive.NAME}")


def check(folder: Path) -> None:
    """Measure once, and compare with the kept results.

    Raises:
        CookbookError: when a value differs.
    """
    found = archive.differences(archive.load(folder), measure_all(PAIRS))
    for line in found:
        click.echo(line)
    if found:
        raise CookbookError(
            f"{len(found)} measurements differ from those that are kept; `cookbook faults` keeps new ones."
        )
    click.echo(f"All {len(PAIRS)} measurements are as they are kept.")


def render(folder: Path) -> None:
    """Write the page again from the kept results."""
    save(archive.load(folder), folder)
