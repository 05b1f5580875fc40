"""The comparison page: choose a client in a minute. All of it comes from results that the repository keeps."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mistral_on_azure.catalog.sections import CLIENTS, anchor
from mistral_on_azure.gallery.charts import Bars, draw
from mistral_on_azure.gallery.markdown import directive, table
from mistral_on_azure.gallery.runs import Runs, Starters
from mistral_on_azure.gallery.task_pages import reasons
from mistral_on_azure.snippets.starter import FIRST_ANSWER, KEY
from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.faults import archive, measuring
from mistral_on_azure.upkeep.faults.archive import FOLDER, LONG, Results
from mistral_on_azure.upkeep.faults.cases import CASES
from mistral_on_azure.upkeep.faults.page import OWN, foreign, lost

_ASKED = {"model", "messages", "temperature", "max_tokens"}  # by the program
_CREDENTIALS = ("authorization", "api-key")


def sending_table(starters: Starters, runs: Runs) -> str:
    """A row for each property of the request."""
    rows: dict[str, list[str]] = {}
    for client in CLIENTS:
        sent = runs[client][KEY].exchanges[0]
        for title, cell in _properties(sent).items():
            rows.setdefault(title, []).append(cell)
        rows.setdefault("Lines of the program", []).append(str(_lines(starters[client][FIRST_ANSWER])))
    return table([["Part", *CLIENTS.values()], *([title, *cells] for title, cells in rows.items())])


def _properties(sent: dict[str, Any]) -> dict[str, str]:
    headers, body = sent["headers"], json.loads(sent["body"])
    added = [f"`{name}`" for name in body if name not in _ASKED]
    return {
        "Route": f"`{sent['path']}`",
        "API version": "in the query" if "api-version" in sent["query"] else "none",
        "Credential in": ", ".join(f"`{name}`" for name in _CREDENTIALS if name in headers),
        "Headers": str(len(headers)),
        "Adds to the body": ", ".join(added) or "nothing",
    }


def _lines(program: str) -> int:
    """Lines of code, without comments and blank lines."""
    return len(re.findall(r"^\s*[^#\s]", program, re.M))


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
    return archive.load(FOLDER)


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
    if measuring.as_told(entry["waits"], CASES[case].told):
        return f"tries {_times(again)} more, waits as told"
    return f"tries {_times(again)} more, waits {measuring.in_words(entry['waits'])} s"


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


RESULTS = measurements.FOLDER / "clients.json"
FLOOR = "floor"
_FLOOR_NAME = "Python alone"
_CHARTS = {
    "start_cpu": "Seconds of work from start to first answer",
    "call_cpu": "Milliseconds of work for a completion",
    "memory": "Memory in MiB",
    "size": "Installed size in MiB",
}


def load_costs(root: Path) -> Results:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def median(results: Results, client: str, measure: str) -> float | None:
    """The median of a client's repeats, None where it was not measured."""
    values = results["values"][client].get(measure)
    return statistics.median(values) if values else None


def charts(results: Results, into: Path) -> str:
    """The charts, drawn into a folder of the sources, as Markdown.

    Args:
        into: the folder with the sources; the charts get one of their own in it.
    """
    cards = []
    for measure, title in _CHARTS.items():
        bars = Bars(
            title,
            [(name, median(results, client, measure)) for client, name in CLIENTS.items()],
            _digits(results, measure),
        )
        images = []
        for theme in ("light", "dark"):
            path = into / "charts" / f"{measure}-{theme}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw(bars, theme))
            images.append(
                directive("image", "", f"charts/{path.name}", alt=bars.alt, class_=f"only-{theme} gallery-chart")
            )
        cards.append(directive("grid-item", "\n".join(images)))
    return directive("grid", "\n".join(cards), "1 1 2 2", gutter="3")


def cost_table(results: Results) -> str:
    """All measures, each as the median and the span of its repeats."""
    names = {FLOOR: _FLOOR_NAME, **CLIENTS}
    rows = [["Measure", *names.values()]]
    for measure, about in results["measures"].items():
        unit = f" ({about['unit']})" if about["unit"] else ""
        cells = [_cell(results["values"][client].get(measure), about["digits"]) for client in names]
        rows.append([f"{about['title']}{unit}", *cells])
    return table(rows, "right")


def how(results: Results) -> str:
    """How it was measured."""
    machine, settings = results["machine"], results["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"Measured on {results['date']} on {machine['cpu']}, {machine['cores']} cores, {machine['system']}, against "
        "the local endpoint: all clients in one go, in turn, each in a process of its own, "
        f"{settings['repeats']} repeats of {settings['calls']} calls. Medians, with the smallest and the largest "
        "repeat below. What was timed are the "
        "cells of the notebooks. *Work* is time of the processor, which hardly depends on what else the machine did. "
        f"*{_FLOOR_NAME}* is the same call with the standard library and nothing between: the floor. The endpoint "
        f"answers at once; a model takes its seconds, and next to them a millisecond is little. Versions: {versions}. "
        "`make bench-clients` measures all of it again."
    )


def _digits(results: Results, measure: str) -> int:
    return results["measures"][measure]["digits"]


def _cell(values: list[float] | None, digits: int) -> str:
    if not values:
        return "–"
    middle, low, high = (f"{pick(values):,.{digits}f}" for pick in (statistics.median, min, max))
    return middle if low == high else f"{middle}<br><small>{low} to {high}</small>"


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

[Clients and faults](helpers/mistral_on_azure/upkeep/faults/CLIENTS_AND_FAULTS.md) has every fault that was tried, with the exceptions and the
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
    measured, kept = load_costs(root), load(root)
    links = ", ".join(f"[{name}](notebooks/{client}.ipynb#{anchor(_LIMITS)})" for client, name in CLIENTS.items())
    return _PAGE.format(
        choices=_choices(root / "notebooks", measured, kept),
        charts=charts(measured, into),
        costs=cost_table(measured),
        how=how(measured),
        repeats=kept["repeats"],
        system=kept["system"],
        failing=failing_table(kept),
        sending=sending_table(starters, runs),
        limits=f"What each one cannot do is at the end of its notebook: {links}.",
    )


def _choices(folder: Path, measured: Results, kept: Results) -> str:
    why = reasons(folder)
    rows = [["Client", "Take it when", "Mind that"]]
    for client, name in CLIENTS.items():
        minded = "; ".join(_cautions(client, measured, kept)) or "–"
        rows.append([f"[{name}](notebooks/{client}.ipynb)", why[client], minded])
    return table(rows)


def _cautions(client: str, measured: Results, kept: Results) -> list[str]:
    """What the measurements say against a client."""
    start, size = (median(measured, client, measure) for measure in ("start", "size"))
    usual = sorted(median(measured, each, "start") for each in CLIENTS)[len(CLIENTS) // 2]
    wait = longest_wait(kept, client)
    said = {
        "it does not try again when the quota is used up": tries(kept, client, OVER_QUOTA) == 1,
        f"it can wait {wait:.0f} s before it gives up": wait > LONG,
        "a stream that breaks off can look whole": bool(quiet_losses(kept, client)),
        f"it takes {start:.0f} s to start": start > _SLOW * usual,
        f"it installs {size:.0f} MiB": size > _BIG,
    }
    return [text for text, true in said.items() if true]
