"""The pages made from measurements that the repository keeps: the comparison of the clients, and "What went wrong?".

The symptoms of "What went wrong?" are in `templates/symptoms.toml`; exceptions and messages are those of the measured
clients and faults, and remedies those of the doctor.
"""

from __future__ import annotations

import json
import re
import statistics
import tomllib
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.doctor.failures import BY_STATUS
from mistral_on_azure.gallery.pages import TEMPLATES, draw, filled, page_name
from mistral_on_azure.gallery.runs import Programs, Runs
from mistral_on_azure.notebook.charts import Bars
from mistral_on_azure.notebook.kept_measurements import kept
from mistral_on_azure.snippets.starter import FIRST_ANSWER, KEY
from mistral_on_azure.upkeep.faults import measuring
from mistral_on_azure.upkeep.faults.calls import CASES
from mistral_on_azure.upkeep.faults.faults_table import LONG, Results, clients_in, foreign, lost

_FLOOR, _FLOOR_NAME = "floor", "Python alone"  # the results of Python's standard library, beside those of the clients
_CHARTS = {
    "start_cpu": "Seconds of work from start to first answer",
    "call_cpu": "Milliseconds of work for a completion",
    "memory": "Memory in MiB",
    "size": "Installed size in MiB",
}

Costs = dict[str, Any]
Rows = list[list[str]]  # of a table, the head first


def median(costs: Costs, client: str, measure: str) -> float | None:
    """The median of a client's repeats, None where it was not measured."""
    values = costs["values"].get(client, {}).get(measure)
    return statistics.median(values) if values else None


def charts(costs: Costs, drawings: Path) -> list[dict[str, str]]:
    """Draw each chart for both themes. Returns the name and the alternative text of each."""
    made = []
    for measure, title in _CHARTS.items():
        medians = {client.name: median(costs, key, measure) for key, client in clients().items()}
        bars = [(name, value) for name, value in medians.items() if value is not None]
        made.append(draw(Bars(title, bars, costs["measures"][measure]["digits"]), measure, drawings))
    return made


def cost_rows(costs: Costs) -> Rows:
    """The table of all measures: the median and the range of the repeats."""
    rows = [_head("Measure", _FLOOR_NAME)]
    for measure, about in costs["measures"].items():
        title = f"{about['title']} ({about['unit']})" if about["unit"] else about["title"]
        values = [costs["values"].get(key, {}).get(measure) for key in (_FLOOR, *clients())]
        rows.append([title, *(_span(each, about["digits"]) for each in values)])
    return rows


def _span(values: list[float] | None, digits: int) -> str:
    if not values:
        return "–"
    middle, low, high = (f"{pick(values):,.{digits}f}" for pick in (statistics.median, min, max))
    return middle if low == high else f"{middle}<br><small>{low} to {high}</small>"


_SLOW, _BIG = 3.0, 50.0  # times the median start, MiB: above these the page warns
_LIMITS = "Know the limits of this client"
_ASKED = {"model", "messages", "temperature", "max_tokens"}  # the fields of the body that the programs set themselves
_CREDENTIALS = ("authorization", "api-key")
_LONGEST = 110  # characters of a client's message
_OVER_QUOTA, _BUSY, _TIMED_OUT = "429 with Retry-After", "429 with an empty body", "408 with an empty body"
_TRIED = {
    "Quota used up (429, `Retry-After: 2`)": _OVER_QUOTA,
    "Service busy (503)": "503",
    "Answer too slow for the timeout": "slow answer",
    "Connection lost before the answer": "reset before",
}


def comparison_page(programs: Programs, runs: Runs, drawings: Path) -> str:
    """The page that compares the clients, in MyST Markdown.

    Args:
        drawings: a folder that the charts are drawn into.
    """
    measured, faults = kept("clients"), kept("faults")
    return filled(
        "comparison",
        clients=clients().values(),
        choices=_choices(measured, faults),
        charts=charts(measured, drawings),
        costs=cost_rows(measured),
        failing=_failing_rows(faults),
        sending=_sending_rows(programs, runs),
        measured=measured,
        faults=faults,
        floor=_FLOOR_NAME,
        limits=_LIMITS,
    )


def _row(title: str, cell: Any) -> list[str]:
    """A row of a table: a title, and the text that `cell` returns for each client."""
    return [title, *(cell(key) for key in clients())]


def _head(*titles: str) -> list[str]:
    return [*titles, *(client.name for client in clients().values())]


def _choices(measured: Costs, faults: Results) -> Rows:
    rows = [["Client", "Take it when", "Mind that"]]
    for key, client in clients().items():
        minded = "; ".join(_cautions(key, measured, faults)) or "–"
        rows.append([f"[{client.name}](notebooks/{client.notebook})", client.reason, minded])
    return rows


def _cautions(client: str, measured: Costs, faults: Results) -> list[str]:
    """Disadvantages of a client by its measurements; empty for a client that was not measured."""
    start, size = (median(measured, client, measure) or 0.0 for measure in ("start", "size"))
    usual = statistics.median_high([median(measured, each, "start") or 0.0 for each in clients()])
    entries = {name: of[client] for name, of in faults["measured"].items() if client in of}

    def tries(fault: str) -> int:
        return entries.get(fault, {}).get("tries", 0)

    wait = max((sum(high for _, high in entry["waits"]) for entry in entries.values()), default=0.0)
    true = {
        "it does not try again when the quota is used up": tries(_OVER_QUOTA) == 1,
        "it does not try again after managed compute's 429, which has no `Retry-After`": (
            tries(_OVER_QUOTA) > 1 == tries(_BUSY)
        ),
        "it repeats a 408, and waits out the time limit again": tries(_TIMED_OUT) > 1,
        f"it can wait {wait:.0f} s before it gives up": wait > LONG,
        "a stream that breaks off can look whole": bool(quiet_losses(faults, client)),
        f"it takes {start:.0f} s to start": start > _SLOW * usual,
        f"it installs {size:.0f} MiB": size > _BIG,
    }
    return [text for text, holds in true.items() if holds]


def _failing_rows(faults: Results) -> Rows:
    """A row for each kind of failure."""
    rows = [_row(title, lambda client, case=case: _tries(faults, client, case)) for title, case in _TRIED.items()]
    rows.append(_row("A stream that breaks off", lambda client: _broken(faults, client)))
    rows.append(_row("One class catches it", lambda client: _caught(faults, client)))
    return [_head("What fails"), *rows]


def _tries(faults: Results, client: str, case: str) -> str:
    entry = faults["measured"][case].get(client)
    if entry is None:
        return "–"
    if not (again := entry["tries"] - 1):
        return "fails at once" if CASES[case].timeout is None else "fails then"
    waits = measuring.in_words(entry["waits"])
    obeys = measuring.obeys_retry_after(entry["waits"], CASES[case].retry_after)
    return f"tries {'once' if again == 1 else f'{again} times'} more, waits {'as told' if obeys else f'{waits} s'}"


def quiet_losses(faults: Results, client: str) -> list[str]:
    """The faults after which a client raises nothing although a part of the answer is missing."""
    return _of(faults, client, lost)


def _of(faults: Results, client: str, question: Any) -> list[str]:
    """The measured faults for which a condition is true."""
    entries = {name: faults["measured"][name].get(client) for name in CASES}
    return [name for name, entry in entries.items() if entry and question(entry, CASES[name], client)]


def _broken(faults: Results, client: str) -> str:
    if client not in clients_in(faults):
        return "–"
    quiet = [name.removesuffix(" (streamed)") for name in quiet_losses(faults, client)]
    return f"**may look whole**: {', '.join(quiet)}" if quiet else "raises each time"


def _caught(faults: Results, client: str) -> str:
    if client not in clients_in(faults):
        return "–"
    _, _, name = clients()[client].exception.rpartition(".")
    if not name:
        return "none of its own"
    missed = len(_of(faults, client, foreign))
    return f"`{name}`, all but {missed} of {len(CASES)}" if missed else f"`{name}`, all"


def _sending_rows(programs: Programs, runs: Runs) -> Rows:
    """A row for each property of the request."""
    sent = {client: _sent(runs[client][KEY].exchanges[0]) for client in clients()}
    rows = [_row(title, lambda client, title=title: sent[client][title]) for title in next(iter(sent.values()))]
    # Lines of code, without comments and blank lines
    lines = _row(
        "Lines of the program", lambda each: str(len(re.findall(r"^\s*[^#\s]", programs[each][FIRST_ANSWER], re.M)))
    )
    return [_head("Part"), *rows, lines]


def _sent(exchange: dict[str, Any]) -> dict[str, str]:
    headers, body = exchange["headers"], json.loads(exchange["body"])
    return {
        "Route": f"`{exchange['path']}`",
        "API version": "in the query" if "api-version" in exchange["query"] else "none",
        "Credential in": ", ".join(f"`{name}`" for name in _CREDENTIALS if name in headers),
        "Headers": str(len(headers)),
        "Adds to the body": ", ".join(f"`{name}`" for name in body if name not in _ASKED) or "nothing",
    }


def what_went_wrong_page() -> str:
    """The page, in MyST Markdown."""
    measured = kept("faults")
    symptoms = [
        {
            **symptom,
            "doctor": [(status, BY_STATUS[status]) for status in symptom["statuses"] if status in BY_STATUS],
            "page": page_name(symptom["task"]),
            "rows": _raised_rows(symptom["faults"], measured),
            "id": make_id(symptom["title"]),
            "entries": _entries(symptom, measured),
        }
        for symptom in symptoms_of()
    ]
    return filled("what_went_wrong", symptoms=symptoms, measured=measured)


def symptoms_of() -> list[dict[str, Any]]:
    """The rows of symptoms.toml, each with all of its fields, and with the statuses in its title."""
    known = tomllib.loads((TEMPLATES / "symptoms.toml").read_text(encoding="utf-8"))
    rows = []
    for row in known["symptom"]:
        statuses = [int(found) for found in re.findall(r"\b[45]\d\d\b", row["title"])]
        words = [*row.get("words", []), *(known["every_status"] if statuses else [])]
        rows.append({"raised": [], **row, "words": words, "statuses": statuses})
    return rows


def _entries(symptom: dict[str, Any], faults: Results) -> list[str]:
    """What the search finds a symptom by: statuses, exceptions without their modules, and words, each once."""
    raised = [faults["measured"][name][key]["raised"] for name in symptom["faults"] for key in clients_in(faults)]
    exceptions = [each.rpartition(".")[2] for each in [*raised, *symptom["raised"]] if each]
    title = [] if "," in symptom["title"] else [symptom["title"].replace("`", "")]
    return list(dict.fromkeys([*map(str, symptom["statuses"]), *exceptions, *symptom["words"], *title]))


def _raised_rows(names: list[str], faults: Results) -> Rows:
    """What each measured client raises, with its message. Faults with the same exception and message share a row."""
    rows = [["Client", "What you see", "Raised", "Its message"]]
    for key in clients_in(faults):
        together: dict[tuple[str, str], list[str]] = {}
        for name in names:
            entry = faults["measured"][name][key]
            raised = f"`{entry['raised']}`" if entry["raised"] else "nothing"
            together.setdefault((raised, _quoted(entry["sees"])), []).append(name)
        rows += [[clients()[key].name, "; ".join(same), raised, sees] for (raised, sees), same in together.items()]
    return rows


def _quoted(text: str) -> str:
    text = " ".join(text.split()).replace("`", "'")
    return f"`{text[: _LONGEST - 1]}…`" if len(text) > _LONGEST else f"`{text}`"
