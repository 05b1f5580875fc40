"""The comparison page: choose a client in a minute. All of it comes from results that the repository keeps."""

from __future__ import annotations

from pathlib import Path

from helpers.faults_table.keeping import LONG
from helpers.gallery import costs, failing
from helpers.gallery.markdown import table
from helpers.gallery.runs import Runs
from helpers.gallery.said import reasons
from helpers.gallery.sending import sending_table
from helpers.gallery.starters import Starters
from helpers.sections import CLIENTS, anchor

_LIMITS = "Know the limits of this client"
_SLOW, _BIG = 3.0, 50.0  # times the median start, MiB: from there on a reader is told
_PAGE = """\
# Compare the six clients

The six send nearly the same request and get the same answer. They differ in what they cost, in what they add, and most
of all in what they do when something fails.

## In a minute

{choices}

## What each one costs

{charts}

{costs}

{how}

## What each one does when something fails

Each client with its own defaults; whatever can be set, its notebook sets. {repeats} repeats on {system}.

{failing}

[Clients and faults](helpers/endpoint/CLIENTS_AND_FAULTS.md) has every fault that was tried, with the exceptions and the
waits.

## What each one sends

The same chat, as it left each client:

{sending}

{limits}
"""


def comparison_page(root: Path, starters: Starters, runs: Runs, into: Path) -> str:
    """The page.

    Args:
        root: the project's folder.
        into: the folder with the sources, for the charts.
    """
    measured, kept = costs.load(root), failing.load(root)
    links = ", ".join(f"[{name}](notebooks/{client}.ipynb#{anchor(_LIMITS)})" for client, name in CLIENTS.items())
    return _PAGE.format(
        choices=_choices(root / "notebooks", measured, kept),
        charts=costs.charts(measured, into),
        costs=costs.cost_table(measured),
        how=costs.how(measured),
        repeats=kept["repeats"],
        system=kept["system"],
        failing=failing.failing_table(kept),
        sending=sending_table(starters, runs),
        limits=f"What each one cannot do is at the end of its notebook: {links}.",
    )


def _choices(folder: Path, measured: costs.Results, kept: failing.Results) -> str:
    why = reasons(folder)
    rows = [["Client", "Take it when", "Mind that"]]
    for client, name in CLIENTS.items():
        minded = "; ".join(_cautions(client, measured, kept)) or "–"
        rows.append([f"[{name}](notebooks/{client}.ipynb)", why[client], minded])
    return table(rows)


def _cautions(client: str, measured: costs.Results, kept: failing.Results) -> list[str]:
    """What the measurements say against a client."""
    start, size = (costs.median(measured, client, measure) for measure in ("start", "size"))
    usual = sorted(costs.median(measured, each, "start") for each in CLIENTS)[len(CLIENTS) // 2]
    wait = failing.longest_wait(kept, client)
    said = {
        "it does not try again when the quota is used up": failing.tries(kept, client, failing.OVER_QUOTA) == 1,
        f"it can wait {wait:.0f} s before it gives up": wait > LONG,
        "a stream that breaks off can look whole": bool(failing.quiet_losses(kept, client)),
        f"it takes {start:.0f} s to start": start > _SLOW * usual,
        f"it installs {size:.0f} MiB": size > _BIG,
    }
    return [text for text, true in said.items() if true]
