"""Entries in words: a cell of the overview, and the rows of one client in one group."""

from __future__ import annotations

from typing import Any

from helpers.faults_table import waits
from helpers.faults_table.cases import CASES, Case, Group
from helpers.faults_table.keeping import Results


def short(entry: Results) -> str:
    """An entry in a few words."""
    if entry["raised"]:
        got = entry["raised"].rpartition(".")[2] + (", own code" if entry["own_code"] else "")
    else:
        got = {"all": "the answer", "part": "**a part**", "none": "**nothing**"}[entry["kept"]]
    tries = "/".join(str(each) for each in entry.get("varies", {}).get("tries", [entry["tries"]]))
    return f"{tries} · {got}" + (" *(varies)*" if "varies" in entry else "")


def detailed(kept: Results, client: str, group: Group) -> list[list[str]]:
    """The rows of one client: faults that it treats alike share one."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for case in group.cases:
        rows.setdefault(tuple(_cells(kept["measured"][case.name][client], case)), []).append(case.name)
    named = [[client, _joined(names), *_of_one(list(cells), names)] for cells, names in rows.items()]
    return [[row[0] if place == 0 else "", *row[1:]] for place, row in enumerate(named)]


def _cells(entry: Results, case: Case) -> list[str]:
    return [
        _or_varying(entry, "tries", str(entry["tries"])),
        waits.in_words(entry["waits"], case.told),
        _or_varying(entry, "raised", _raised(entry, case)),
        _or_varying(entry, "sees", _code(entry["sees"]) if entry["raised"] else entry["sees"]),
        _or_varying(entry, "kept", entry["kept"] if case.stream else "–"),
    ]


def _or_varying(entry: Results, name: str, text: str) -> str:
    values = entry.get("varies", {}).get(name)
    return f"*varies:* {' or '.join(_code(str(value)) for value in values)}" if values else text


def _raised(entry: Results, case: Case) -> str:
    if not entry["raised"]:
        return "–"
    asked = case.fault.get("status")
    status = entry["status"] and ("{status}" if entry["status"] == asked else str(entry["status"]))
    return f"`{entry['raised']}`{f' {status}' if status else ''}{', own code' if entry['own_code'] else ''}"


def _of_one(cells: list[str], names: list[str]) -> list[str]:
    """The cells of a row for one fault alone, which can say its status."""
    status = CASES[names[0]].fault.get("status")
    if len({CASES[name].fault.get("status") for name in names}) > 1 or status is None:
        return cells
    return [cell.replace("{status}", str(status)) for cell in cells]


def _joined(names: list[str]) -> str:
    """Names as a list; one ending that all of them share is said once."""
    streamed = ", streamed"
    if len(names) > 1 and all(name.endswith(streamed) for name in names):
        return f"{'; '.join(name.removesuffix(streamed) for name in names)}; all streamed"
    return "; ".join(names)


def _code(text: Any) -> str:
    return f"`{str(text).replace('|', '¦').replace('`', '´')}`"
