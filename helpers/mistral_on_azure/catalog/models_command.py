"""`cookbook models`: the table of models in groups, one model with its sources, or a comparison with `az`."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog import azure_listing
from mistral_on_azure.catalog.models import (
    KINDS,
    OLD,
    Facts,
    Model,
    Part,
    advice,
    as_of,
    find,
    known,
    mentioned,
    models,
    parts,
    sizes,
    stale_names,
)

_WIDE = 170  # columns of a terminal; in a narrower one, a table has no room for the models' names
_NAMED = 11  # columns for the name of a fact
_COLUMNS = ("model", *KINDS, "runs on", "context", "tokens here", "tools", "on Azure", "next")


def run(name: str, as_json: bool, check: bool, stale: bool, location: str) -> int:
    """Run `cookbook models`, and return its exit status: 1 for a difference, or a row that is too old."""
    if as_json:
        print(json.dumps(rows(name), indent=2))
    elif name:
        show_one(Console(), known(name) or mentioned(name) or find(name))
    elif check:
        return _check(location)
    elif stale:
        old = stale_names()
        print(f"{OLD.capitalize()}: {', '.join(old)}." if old else f"Every row was checked since {as_of()}.")
        return 1 if old else 0
    else:
        show(Console())
    return 0


def _check(location: str) -> int:
    registry = azure_listing.ask(azure_listing.REGISTRY)
    resources = azure_listing.ask(azure_listing.resources_command(location))
    lines = [*azure_listing.registry_differences(registry), *azure_listing.resource_differences(resources)]
    print("\n".join(lines) or f"Your lists, that of {location} among them, have what the table has.")
    return 1 if lines else 0


def rows(name: str = "") -> list[dict[str, Any]]:
    """The table for programs: each fact with its source and date. With a name, that row alone.

    Raises:
        CookbookError: for an unknown name.
    """
    wanted = [find(name)] if name else [*models().values(), *parts().values()]
    return [_row(each) for each in wanted]


def _row(row: Model | Part) -> dict[str, Any]:
    written: dict[str, Any] = {"name": row.name, "group": "part"}
    if isinstance(row, Model):
        written |= {"group": row.group, "asset": row.asset, "tokenizer_here": row.tokenizer_here}
    written |= {"checked": str(row.checked), "stale": row.stale(), "note": row.note}
    for name, facts in row.facts().items():
        written[name] = [{"value": each.value, "source": each.source, "seen": str(each.seen)} for each in facts]
    return written


def cells(model: Model) -> list[str]:
    """A model's row of the table as texts, in the order of the columns."""
    return [
        f"{model.name}{f' ({OLD})' if model.stale() else ''}",
        *(every(getattr(model, kind)) for kind in KINDS),
        runs_on(model),
        every(model.context),
        tokens_here(model),
        every(model.tools),
        every(model.azure),
        every(model.successor),
    ]


def show(console: Console) -> None:
    """Print the models in groups: as tables or, in a narrow terminal, as lines."""
    for group in dict.fromkeys(model.group for model in models().values()):
        console.print(f"{group} (as of {as_of()})", style="bold", highlight=False)
        of_group = [model for model in models().values() if model.group == group]
        (_as_table if console.width >= _WIDE else _as_lines)(console, of_group)
        console.print()
    for part in parts().values():
        old = f" ({OLD})" if part.stale() else ""
        console.print(f"{part.name}{old}: ends {every(part.ends)}", highlight=False)
    console.print(
        "\n≠ stands between sources that disagree. `cookbook models NAME` prints a model's facts with their sources."
    )


def _as_table(console: Console, rows: list[Model]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name == _COLUMNS[0])
    for row in rows:
        name, *facts = cells(row)
        table.add_row(f"{name}\n{catalog_name(row)}".rstrip(), *facts)
    console.print(table)


def _as_lines(console: Console, rows: list[Model]) -> None:
    for row in rows:
        name, *facts = cells(row)
        console.print(name, highlight=False, markup=False)
        told = [fact != "–" and f"{what}: {fact}" for what, fact in zip(_COLUMNS[1:], facts, strict=True)]
        for part in ([catalog_name(row)], told[: len(KINDS)], told[len(KINDS) :]):
            if line := " · ".join(filter(None, part)):
                console.print(Padding(line, (0, 0, 0, 4), expand=False), highlight=False, markup=False)


def catalog_name(model: Model) -> str:
    """The name in Azure's catalog; empty where it is the same."""
    return f"in the catalog: {model.asset}" if model.asset != model.name else ""


def show_one(console: Console, model: Model) -> None:
    """Print all facts of one model, each with its source and date."""
    title = filter(None, (model.name, catalog_name(model), f"checked {model.checked}"))
    console.print(", ".join(title), highlight=False)
    for name, facts in model.facts().items():
        for fact in facts:
            named = f"  {name:<{_NAMED}} "
            lines = textwrap.TextWrapper(console.width, named, " " * len(named), break_on_hyphens=False)
            console.print(lines.fill(str(fact)), highlight=False, markup=False)
    counted = f"Tokens on the local endpoint: {tokens_here(model)}."
    for line in (counted, model.note, advice(model), f"This row was {OLD}." if model.stale() else ""):
        if line:
            console.print(line, highlight=False, markup=False)


def runs_on(model: Model) -> str:
    """The smallest machine that the model may be deployed to, or that it is sold per token."""
    if not model.gpus:
        return every(model.sizes)
    allowed = [sizes()[name] for name in model.sizes[0].value.split(", ")]
    least = min(allowed, key=lambda size: (size.gpus, size.gpu_memory))
    larger = " or larger" if len(allowed) > 1 else ""
    return f"{least.name.removeprefix('Standard_')} ({least.gpus} × {least.gpu_memory} GB){larger}"


def tokens_here(model: Model) -> str:
    """Whether the local endpoint counts a model's tokens exactly, and where it counts with another tokenizer."""
    if not model.tokenizer_here:
        return "an estimate"
    own, known = model.tokenizer[0].value, deployments().get(model.name)
    other = known.counted_with if known else own  # on serverless, v3 as in Microsoft's example
    return f"exact ({own})" if other == own else f"exact ({own}) on managed, {other} on serverless"


def every(facts: Facts) -> str:
    """The different values in all sources; a dash where there is no source."""
    return " ≠ ".join(dict.fromkeys(fact.value for fact in facts)) or "–"
