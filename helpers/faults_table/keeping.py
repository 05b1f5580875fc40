"""What is kept of the measurements, and whether it is still true.

`measured` is by case and client. An entry has the fields of `Measured`, but its waits are spans, the shortest and the
longest of the repeats. A field whose value was not the same in each repeat is in `varies`, with all values, the most
frequent first; it is shown as varying, and no test asks for it.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from helpers.faults_table import waits
from helpers.faults_table.calls import PACKAGES
from helpers.faults_table.measuring import Measured
from helpers.faults_table.running import PAIRS, Pair

NAME = "clients_and_faults.json"
LONG = 10.0  # seconds of waiting

Results = dict[str, Any]


def versions() -> dict[str, str]:
    """What is installed."""
    return {package: version(package) for package in PACKAGES.values()}


def results(rounds: list[dict[Pair, Measured]]) -> Results:
    """Results of all pairs, from repeats of measuring them."""
    measured: Results = {}
    for case, client in PAIRS:
        measured.setdefault(case, {})[client] = _entry([each[case, client] for each in rounds])
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "system": platform.system(),
        "versions": versions(),
        "repeats": len(rounds),
        "measured": measured,
    }


def _entry(repeats: list[Measured]) -> Results:
    seen = [asdict(each) for each in repeats]
    entry: Results = {}
    varies = {}
    for name in seen[0]:
        if name != "waits":
            values = [value for value, _ in Counter(each[name] for each in seen).most_common()]
            entry[name] = values[0]
            if len(values) > 1:
                varies[name] = values
        else:
            entry[name] = waits.spans([each[name] for each in seen if each["tries"] == entry["tries"]])
    return entry | ({"varies": varies} if varies else {})


def save(kept: Results, folder: Path) -> None:
    """Write the file."""
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (folder / NAME).write_text(f"{text}\n", encoding="utf-8")


def load(folder: Path) -> Results:
    """Read the file."""
    return json.loads((folder / NAME).read_text(encoding="utf-8"))


def short_pairs(kept: Results) -> list[Pair]:
    """The pairs that are measured again by a test: all but those in which the client waits very long."""
    return [(case, client) for case, client in PAIRS if not waits_long(kept["measured"][case][client])]


def waits_long(entry: Results) -> bool:
    """Whether the client waits over `LONG` seconds, all its waits together."""
    return sum(high for _, high in entry["waits"]) > LONG


def differences(kept: Results, seen: dict[Pair, Measured]) -> list[str]:
    """What is not as it is kept, a line for each."""
    lines = []
    for (case, client), measured in seen.items():
        entry, now = kept["measured"][case][client], asdict(measured)
        varies = entry.get("varies", {})
        for name, value in now.items():
            if name in varies or (name == "waits" and "tries" in varies):
                continue
            same = waits.agree(entry[name], value) if name == "waits" else entry[name] == value
            if not same:
                lines.append(f"{client}, {case}: {name} was {entry[name]!r}, is {value!r}")
    return lines
