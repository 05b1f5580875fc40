"""The page "Which model now?": the table of models, its time line and its sources."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from mistral_on_azure.catalog.models import OLD, Model, as_of, models, parts
from mistral_on_azure.gallery.drawings import draw
from mistral_on_azure.gallery.pages import filled
from mistral_on_azure.notebook.model_views import GROUPS, TimeLine, facts

NAME = "models"


def models_page(drawings: Path, today: date | None = None) -> str:
    """The page, in MyST Markdown.

    Args:
        drawings: a folder that the time line is drawn into, once for each theme.
        today: the day on which a row counts as old or not; None is the current day.
    """
    return filled(
        "models",
        as_of=as_of(),
        picture=draw(TimeLine(), NAME, drawings),
        groups=[(title, _rows(group, today)) for group, title in GROUPS.items()],
        parts=[
            ["Part", "Ends", "Note"],
            *([part.name + _mark(part.stale(today)), _sourced(part.facts()["ends"]), part.note]
              for part in parts().values()),
        ],
        details=[(row, [[name, _sourced(said)] for name, said in row.facts().items()]) for row in models().values()],
    )  # fmt: skip


def _rows(group: str, today: date | None) -> list[list[str]]:
    """The rows of a group, the head first, without the columns that are empty in all of them."""
    rows = [row for row in models().values() if row.group == group]
    said = {row.name: facts(row) for row in rows}
    labels = [label for label in facts(rows[0]) if any(values[label] != "–" for values in said.values())]
    head = ["Model", *labels]
    return [head, *([_name(row, today), *(said[row.name][label] for label in labels)] for row in rows)]


def _name(row: Model, today: date | None) -> str:
    also = f"<br>in the catalog `{row.asset}`" if row.asset != row.name else ""
    return f"`{row.name}`{also}{_mark(row.stale(today))}"


def _mark(stale: bool) -> str:
    return f"<br>**{OLD}**" if stale else ""


def _sourced(said: tuple) -> str:
    return "<br>".join(f"{fact.value} <small>({fact.source}, {fact.seen})</small>" for fact in said)
