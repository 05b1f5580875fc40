"""Entries in words: a cell of the overview, and the rows of one client in one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helpers.faults_table import waits
from helpers.faults_table.cases import Case, Group
from helpers.faults_table.keeping import Results


@dataclass(slots=True)
class _Row:
    """Faults that a client treats alike."""

    cases: list[Case]
    cells: list[str]  # all but the waits
    waits: waits.Spans
    told: bool

    def takes(self, other: _Row) -> bool:
        """Whether another row's faults can be told in this one."""
        same = self.cells == other.cells and self.told == other.told
        return same and (self.told or waits.alike(self.waits, other.waits))

    def take(self, other: _Row) -> None:
        self.cases += other.cases
        self.waits = waits.joined(self.waits, other.waits)


def short(entry: Results) -> str:
    """An entry in a few words."""
    if entry["raised"]:
        got = entry["raised"].rpartition(".")[2] + (", own code" if entry["own_code"] else "")
    else:
        got = {"all": "the answer", "part": "**a part**", "none": "**nothing**"}[entry["kept"]]
    tries = "/".join(str(each) for each in entry.get("varies", {}).get("tries", [entry["tries"]]))
    return f"{tries} · {got}" + (" *(varies)*" if "varies" in entry else "")


def detailed(kept: Results, client: str, group: Group) -> list[list[str]]:
    """The rows of one client, as cells; the last one is the text that was kept."""
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
    return _Row([case], cells, entry["waits"], waits.as_told(entry["waits"], case.told))


def _cells(row: _Row, client: str) -> list[str]:
    tries, *others = row.cells
    statuses = {case.fault.get("status") for case in row.cases}
    if len(statuses) == 1:  # then it can be said
        others = [cell.replace("{status}", str(*statuses)) for cell in others]
    names = ", ".join(case.name for case in row.cases)
    return [client, names, tries, "as told" if row.told else waits.in_words(row.waits), *others]


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
