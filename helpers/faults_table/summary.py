"""What stands out, found in the measurements and not written by hand, so that it is as current as they are."""

from __future__ import annotations

from collections.abc import Callable

from helpers.faults_table.calls import CALLS
from helpers.faults_table.cases import CASES, Case
from helpers.faults_table.keeping import LONG, Results, waits_long

OWN = {  # the class that a user of the client would catch, and where the client's exceptions are defined
    "webrequests": ("requests.RequestException", "requests."),
    "azure-sdk": ("azure.core.exceptions.AzureError", "azure."),
    "openai-sdk": ("openai.OpenAIError", "openai."),
    "mistralai": ("mistralai.client.errors.MistralError", "mistralai."),
    "litellm": ("openai.OpenAIError", "litellm."),
}

Question = Callable[[Results, Case, str], bool]


def summary(kept: Results) -> list[str]:
    """The section."""
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
    """One finding: a line for each client it is true of."""
    lines = []
    for client in CALLS:
        found = [name for name, case in CASES.items() if question(kept["measured"][name][client], case, client)]
        if found:
            base = f" (`{OWN[client][0]}`)" if question is foreign else ""
            lines.append(f"  - {client}{base}: {'; '.join(found)}")
    return [f"- {title}:{'' if lines else ' none.'}", *lines]


def lost(entry: Results, case: Case, client: str) -> bool:
    return entry["raised"] is None and entry["kept"] != "all"


def _looks_whole(entry: Results, case: Case, client: str) -> bool:
    return lost(entry, case, client) and entry["finish"] is not None


def foreign(entry: Results, case: Case, client: str) -> bool:
    """ChatMistralAI has no exceptions of its own, so the question is not asked of it."""
    raised = entry["raised"] and not entry["own_code"] and client in OWN
    return bool(raised) and not entry["raised"].startswith(OWN[client][1])


def _made_up(entry: Results, case: Case, client: str) -> bool:
    return entry["status"] is not None and entry["status"] not in (case.fault.get("status"), 200)
