"""What each client does when something fails, from the kept measurements of `make faults`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.faults_table import keeping, waits
from helpers.faults_table.cases import CASES
from helpers.faults_table.keeping import Results
from helpers.faults_table.summary import OWN, foreign, lost
from helpers.gallery.markdown import table
from helpers.sections import CLIENTS

OVER_QUOTA = "429 with Retry-After"
_ROWS: dict[str, Callable[[Results, str], str]] = {
    "Quota used up (429, `Retry-After: 2`)": lambda kept, client: _tries(kept, client, OVER_QUOTA),
    "Service busy (503)": lambda kept, client: _tries(kept, client, "503"),
    "Answer too slow for the timeout": lambda kept, client: _tries(kept, client, "slow answer"),
    "Connection lost before the answer": lambda kept, client: _tries(kept, client, "reset before"),
    "A stream that breaks off": lambda kept, client: _broken(kept, client),
    "One class catches it": lambda kept, client: _caught(kept, client),
}


def load(root: Path) -> Results:
    return keeping.load(root / "helpers" / "endpoint")


def failing_table(kept: Results) -> str:
    """A row for each kind of failure."""
    rows = [["What fails", *CLIENTS.values()]]
    rows += [[title, *(say(kept, client) for client in CLIENTS)] for title, say in _ROWS.items()]
    return table(rows)


def quiet_losses(kept: Results, client: str) -> list[str]:
    """The faults after which a client raises nothing although a part of the answer is missing."""
    return [name for name, case in CASES.items() if lost(kept["measured"][name][client], case, client)]


def longest_wait(kept: Results, client: str) -> float:
    """The longest that a client waits between its tries of one call, in seconds."""
    entries = (kept["measured"][name][client] for name in CASES)
    return max(sum(high for _, high in entry["waits"]) for entry in entries)


def tries(kept: Results, client: str, case: str) -> int:
    return kept["measured"][case][client]["tries"]


def _tries(kept: Results, client: str, case: str) -> str:
    entry = kept["measured"][case][client]
    again = entry["tries"] - 1
    if not again:
        return "fails at once" if CASES[case].timeout is None else "fails then"
    if waits.as_told(entry["waits"], CASES[case].told):
        return f"tries {_times(again)} more, waits as told"
    return f"tries {_times(again)} more, waits {waits.in_words(entry['waits'])} s"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _broken(kept: Results, client: str) -> str:
    quiet = quiet_losses(kept, client)
    if not quiet:
        return "raises each time"
    return f"**may look whole**: {', '.join(name.removesuffix(' (streamed)') for name in quiet)}"


def _caught(kept: Results, client: str) -> str:
    if client not in OWN:
        return "none of its own"
    missed = [name for name, case in CASES.items() if foreign(kept["measured"][name][client], case, client)]
    name = f"`{OWN[client][0].rpartition('.')[2]}`"
    return f"{name}, all" if not missed else f"{name}, all but {len(missed)} of {len(CASES)}"
