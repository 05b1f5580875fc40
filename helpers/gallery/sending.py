"""What each client sends for the same chat, read from its recorded run."""

from __future__ import annotations

import json
import re
from typing import Any

from helpers.gallery.markdown import table
from helpers.gallery.runs import Runs
from helpers.gallery.starters import Starters
from helpers.sections import CLIENTS
from helpers.snippets.starter import FIRST_ANSWER, KEY

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
