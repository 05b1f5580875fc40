"""The page about the engines, made from nothing but the results beside it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from mistral_on_azure.upkeep.measurements import Results

NAME = "engines"
_LONGEST = 160  # characters of an error


def page(results: Results) -> str:
    parts = [
        "# The notebooks on other people's servers",
        "Made by `make engines`; rebuilt from `engines.json` by `make engines ARGS=--render`.",
        "Each server is `AZURE_INFERENCE_ENDPOINT` itself. The local endpoint has no part in it; only the runner's "
        "counter is in between. The notebooks are the same as on Azure, with short answers and long patience (`-p "
        "max_tokens 48 -p timeout 200`), and only those that have both parameters. A real engine has to pass them all, "
        "and a gateway all whose answers it leaves as they are. A mock may break what holds on every endpoint, and "
        "stops a notebook that asserts it: the tables say where.",
        _overview(results),
        "## What each cannot do",
        "Of what an endpoint on Azure does. Notebooks need a few of these; the others they show or step around.",
        _wire(results),
    ]
    for name, result in results.items():
        parts += _failures(name, result)
    return "\n\n".join(parts) + "\n"


def _overview(results: Results) -> str:
    rows = [
        "| engine | version | what it is | notebooks that pass | calls | measured on |",
        "|---|---|---|---|---:|---|",
    ]
    for name, result in results.items():
        jobs = result["notebooks"]
        passed = sum(job["status"] == "passed" for job in jobs)
        calls = sum(job["calls"] for job in jobs)
        cells = (name, result["version"], result["what"], f"{passed} of {len(jobs)}", f"{calls}", result["day"])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _wire(results: Results) -> str:
    rows = [f"| | {' | '.join(results)} |", f"|---|{':---:|' * len(results)}"]
    for question in next(iter(results.values()))["wire"]:
        answers = ("yes" if result["wire"].get(question) else "**no**" for result in results.values())
        rows.append(f"| {question} | {' | '.join(answers)} |")
    return "\n".join(rows)


def _failures(name: str, result: dict[str, Any]) -> list[str]:
    """The sections that an engine cannot serve, those of a client with the same error together."""
    failed = [job for job in result["notebooks"] if job["status"] != "passed"]
    if not failed:
        return []
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for job in failed:
        for section, error in job["sections"].items():
            if error:
                together[job["client"], _short(error)].append(section)
    rows = ["| client | error | sections |", "|---|---|---|"]
    rows += [f"| {client} | {error} | {', '.join(sections)} |" for (client, error), sections in together.items()]
    sections = [error for job in failed for error in job["sections"].values()]
    said = f"Of the {len(sections)} sections in notebooks that fail, {sections.count('')} pass."
    return [f"## Where {name} stops a notebook", f"{said} These do not:", "\n".join(rows)]


def _short(error: str) -> str:
    shown = error if len(error) <= _LONGEST else f"{error[: _LONGEST - 1]}…"
    return f"`{shown.replace('`', chr(39)).replace('|', chr(92) + '|')}`"
