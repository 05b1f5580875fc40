"""The page "What went wrong?": from a status, an exception or a message to its cause and what to do.

The symptoms are in `templates/symptoms.toml`; exceptions and messages are those of the measured clients and faults, and
remedies those of the doctor.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.doctor.failures import BY_STATUS
from mistral_on_azure.gallery.pages import filled, page_name
from mistral_on_azure.notebook.kept_measurements import kept

NAME = "what-went-wrong"
_LONGEST = 110  # characters of a message
_SYMPTOMS = Path(__file__).with_name("templates") / "symptoms.toml"


def what_went_wrong_page() -> str:
    """The page, in MyST Markdown."""
    measured = kept("faults")
    symptoms = [
        {
            **symptom,
            "doctor": [(status, BY_STATUS[status]) for status in statuses if status in BY_STATUS],
            "page": page_name(symptom["task"]),
            "rows": _rows(symptom["faults"], measured["measured"]),
            "id": make_id(symptom["title"]),
            "entries": _entries(symptom, statuses, measured["measured"]),
        }
        for symptom in symptoms_of()
        for statuses in [_statuses(symptom["title"])]
    ]
    return filled(NAME.replace("-", "_"), symptoms=symptoms, measured=measured)


def symptoms_of() -> list[dict[str, Any]]:
    """The rows of symptoms.toml, each with all of its fields."""
    known = tomllib.loads(_SYMPTOMS.read_text(encoding="utf-8"))
    rows = [{"raised": [], "words": [], **row} for row in known["symptom"]]
    for row in rows:
        row["words"] = [*row["words"], *(known["every_status"] if _statuses(row["title"]) else [])]
    return rows


def _statuses(title: str) -> list[int]:
    return [int(found) for found in re.findall(r"\b[45]\d\d\b", title)]


def _entries(symptom: dict[str, Any], statuses: list[int], measured: dict[str, Any]) -> list[str]:
    """What the search finds a symptom by: statuses, exceptions without their modules, and words, each once."""
    raised = [measured[name][client]["raised"] for name in symptom["faults"] for client in clients()]
    exceptions = [each.rpartition(".")[2] for each in [*raised, *symptom["raised"]] if each]
    title = [text for text in [symptom["title"].replace("`", "")] if "," not in text]
    return list(dict.fromkeys([*map(str, statuses), *exceptions, *symptom["words"], *title]))


def _rows(names: list[str], measured: dict[str, Any]) -> list[list[str]]:
    """A table of what each client raises, with its message. Faults with the same exception and message share a row."""
    if not names:
        return []
    rows = [["Client", "What you see", "Raised", "Its message"]]
    for key, client in clients().items():
        together: dict[tuple[str, str], list[str]] = {}
        for name in names:
            entry = measured[name][key]
            raised = f"`{entry['raised']}`" if entry["raised"] else "nothing"
            together.setdefault((raised, _short(entry["sees"])), []).append(name)
        rows += [[client.name, "; ".join(same), raised, sees] for (raised, sees), same in together.items()]
    return rows


def _short(text: str) -> str:
    text = " ".join(text.split()).replace("`", "'")
    return f"`{text[: _LONGEST - 1]}…`" if len(text) > _LONGEST else f"`{text}`"
