"""The table of models in a notebook: what each one is offered on, runs on and can do, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from mistral_on_azure.catalog.models import KINDS, Model, as_of, models, stale_names
from mistral_on_azure.catalog.models_command import catalog_name, every, runs_on, tokens_here

_LEFT = ' style="text-align: left; vertical-align: top"'
GROUPS = {
    "open": "Open models, on managed compute",
    "sold today": "Sold today, per token",
    "retired": "Retired, and still typed",
}


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The rows of the table, in groups. A row that nobody looked at for 90 days is named below it."""

    rows: tuple[Model, ...]

    def __repr__(self) -> str:
        blocks = [f"As of {as_of()}; {stale_line()}"]
        for row in self.rows:
            said = facts(row)
            width = max(map(len, said))
            name = f"{row.name}, {catalog_name(row)}" if catalog_name(row) else row.name
            blocks.append("\n".join((name, *(f"  {label:<{width}}  {value}" for label, value in said.items()))))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        labels = list(facts(self.rows[0]))
        head = "".join(f'<th scope="col"{_LEFT}>{label}</th>' for label in ("Model", *labels))
        body = []
        for group, title in GROUPS.items():
            rows = [row for row in self.rows if row.group == group]
            if rows:
                body.append(f'<tr><th colspan="{len(labels) + 1}"{_LEFT}>{title}</th></tr>')
            body += [_row(row) for row in rows]
        caption = f"Mistral's chat models on Azure, as of {as_of()}; {stale_line()}"
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        )


def facts(row: Model) -> dict[str, str]:
    """What the table says of a model, by label. Where sources disagree, both stand there."""
    said = {kind: [fact.value for fact in getattr(row, kind)] for kind in KINDS}
    where = [kind for kind, values in said.items() if values[:1] == ["offered"]]
    where += [f"{kind} (documented)" for kind, values in said.items() if values[:1] == ["documented"]]
    where += [f"{kind} (disputed)" for kind, values in said.items() if "offered" in values[1:]]
    return {
        "Offered on": ", ".join(where) or "–",
        "Runs on": runs_on(row),
        "Context, in tokens": every(row.context),
        "Tools": every(row.tools),
        "JSON": every(row.json),
        "Tokens here": tokens_here(row),
        "On Azure": every(row.azure),
        "At Mistral AI": every(row.maker),
        "Next": every(row.successor),
    }


def _row(row: Model) -> str:
    cells = "".join(f"<td{_LEFT}>{escape(value)}</td>" for value in facts(row).values())
    also = f"<br>{escape(catalog_name(row))}" if catalog_name(row) else ""
    return f'<tr><th scope="row"{_LEFT}>{escape(row.name)}{also}</th>{cells}</tr>'


def stale_line() -> str:
    """Which rows nobody looked at for 90 days."""
    old = stale_names()
    return f"not looked at for 90 days: {', '.join(old)}" if old else "every row was looked at within 90 days"


def show_models(group: str = "") -> ModelTable:
    """Show the table of models.

    Args:
        group: "open", "sold today" or "retired" for those alone; empty for all.
    """
    return ModelTable(tuple(row for row in models().values() if group in ("", row.group)))
