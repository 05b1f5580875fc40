"""The table of clients and faults: the measurements are kept as JSON, compared with new ones, and shown on a page."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from mistral_on_azure.azure.files import read_json, write_json, write_whole
from mistral_on_azure.catalog.clients import clients, in_words
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.faults import measuring
from mistral_on_azure.upkeep.faults.calls import CALLS, CASES, GROUPS, PACKAGES, Case, Group
from mistral_on_azure.upkeep.faults.measuring import PAIRS, Measured, Pair, measure_all
from mistral_on_azure.upkeep.markdown import filled

FILE = Path(__file__).with_name("clients_and_faults.json")
PAGE = FILE.with_name("CLIENTS_AND_FAULTS.md")
LONG = 10.0  # seconds of waiting

Results = dict[str, Any]


def versions() -> dict[str, str]:
    """The installed version of each client's package."""
    return {package: version(package) for package in PACKAGES.values()}


def results(rounds: list[dict[Pair, Measured]]) -> Results:
    """The results of all pairs, from repeated measurements."""
    measured: Results = {}
    for case, client in PAIRS:
        measured.setdefault(case, {})[client] = _entry([asdict(each[case, client]) for each in rounds])
    return {
        "date": date.today().isoformat(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "system": platform.system(),
        "versions": versions(),
        "repeats": len(rounds),
        "measured": measured,
    }


def _entry(repeats: list[Results]) -> Results:
    entry: Results = {}
    varies: Results = {}
    for name in repeats[0]:
        if name == "waits":
            waits = [each[name] for each in repeats if each["tries"] == entry["tries"]]
            entry[name] = [[min(each), max(each)] for each in zip(*waits, strict=True)]
            continue
        values = [value for value, _ in Counter(each[name] for each in repeats).most_common()]
        entry[name] = values[0]
        if len(values) > 1:
            varies[name] = values
    return {**entry, "varies": varies} if varies else entry


def clients_in(kept: Results) -> list[str]:
    """The clients in kept results, in the order of tables. A new client is missing until `make faults`."""
    return [client for client in CALLS if all(client in of for of in kept["measured"].values())]


def waits_long(entry: Results) -> bool:
    """Whether the sum of a client's waits is over `LONG` seconds."""
    return sum(high for _, high in entry["waits"]) > LONG


def differences(kept: Results, seen: dict[Pair, Measured]) -> list[str]:
    """A line for each value that differs from the kept one."""
    lines = []
    for (case, client), measured in seen.items():
        if client not in kept["measured"].get(case, {}):
            lines.append(f"{client}, {case}: was not measured before")
            continue
        entry = kept["measured"][case][client]
        varies = entry.get("varies", {})
        for name, value in asdict(measured).items():
            if name in varies or (name == "waits" and "tries" in varies):
                continue
            same = measuring.agree(entry[name], value) if name == "waits" else entry[name] == value
            if not same:
                lines.append(f"{client}, {case}: {name} was {entry[name]!r}, is {value!r}")
    return lines


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


def _findings(kept: Results) -> list[tuple[str, list[str]]]:
    """What stands out: for each finding its title, and a line for each client with such faults."""
    questions: dict[str, Question] = {
        "No exception, and yet only a part of the answer": lost,
        "And this part even has a `finish_reason`, as if it were whole": _looks_whole,
        "Tries again": lambda entry, case, client: entry["tries"] > 1,
        f"Waits long, over {LONG:g} seconds altogether": lambda entry, case, client: waits_long(entry),
        "An exception that is not of the client's own, so its base class does not catch it": foreign,
        "A status in the exception that the endpoint never sent": _made_up,
        "Depends on chance": lambda entry, case, client: "varies" in entry,
    }
    return [(title, _found(kept, question)) for title, question in questions.items()]


def _found(kept: Results, question: Question) -> list[str]:
    lines = []
    for client in clients_in(kept):
        found = [name for name, case in CASES.items() if question(kept["measured"][name][client], case, client)]
        if found:
            base = f" (`{clients()[client].exception}`)" if question is foreign else ""
            lines.append(f"{client}{base}: {'; '.join(found)}")
    return lines


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


def page(kept: Results) -> str:
    """The whole page."""
    measured = {name: clients()[name] for name in clients_in(kept)}
    overview = [["Fault", *measured]]
    overview += [[name, *(short(kept["measured"][name][client]) for client in measured)] for name in CASES]
    return filled(
        PAGE.with_suffix(""),
        {"in_words": in_words},
        kept=kept,
        measured=measured,
        findings=_findings(kept),
        overview=overview,
        groups=[(group, _rows(kept, group)) for group in GROUPS],
    )


def _rows(kept: Results, group: Group) -> list[list[str]]:
    """The table of a group, the head first; a group without streamed calls has no last column."""
    rows = [["Client", "Fault", "Tries", "Waits (s)", "Raised", "Its user sees", "Text kept"]]
    rows += [row for client in clients_in(kept) for row in detailed(kept, client, group)]
    return rows if any(case.stream for case in group.cases) else [row[:-1] for row in rows]


def measure(repeats: int) -> None:
    """Measure all pairs of client and fault, and keep the results and the page."""
    rounds = []
    for number in range(repeats):
        began = time.monotonic()
        rounds.append(measure_all(PAIRS))
        click.echo(f"Round {number + 1} of {repeats}: {len(PAIRS)} calls in {time.monotonic() - began:.0f} s")
    write_json(FILE, results(rounds))
    render()
    click.echo(f"Wrote {PAGE} and {FILE.name}")


def check() -> None:
    """Measure once, and compare with the kept results.

    Raises:
        CookbookError: when a value differs.
    """
    found = differences(read_json(FILE), measure_all(PAIRS))
    for line in found:
        click.echo(line)
    if found:
        raise CookbookError(
            f"{len(found)} measurements differ from those that are kept; `cookbook faults` keeps new ones."
        )
    click.echo(f"All {len(PAIRS)} measurements are as they are kept.")


def render() -> None:
    """Write the page again from the kept results."""
    write_whole(PAGE, page(read_json(FILE)))
