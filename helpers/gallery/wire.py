"""The view "on the wire": every exchange of a run, the first one open."""

from __future__ import annotations

from typing import Any

from helpers.gallery.markdown import code_block, directive
from helpers.gallery.runs import Run
from helpers.wire import Wire

_AT_ONCE = "Call asynchronously"
_NOTHING = "Nothing: this program sends no request.\n"


def wire_view(task: str, run: Run) -> str:
    """The exchanges of a run, as Markdown."""
    exchanges = run.exchanges
    if task == _AT_ONCE:  # they race each other to the endpoint; each build shall be the same
        exchanges = sorted(exchanges, key=lambda exchange: exchange["body"])
    many = len(exchanges) > 1
    shown = [
        directive(
            "dropdown",
            code_block(repr(Wire((exchange,))), "wire"),
            f"{f'{number}. ' if many else ''}{_title(exchange)}",
            **({"open": ""} if number == 1 else {}),
        )
        for number, exchange in enumerate(exchanges, 1)
    ]
    return "\n".join(shown) or _NOTHING


def _title(exchange: dict[str, Any]) -> str:
    return f"`{exchange['method']} {exchange['path']}` → {exchange['status'] or 'no answer'}"
