"""The site's pages: the templates in `templates/`, filled with programs, their runs, and the catalog's notebooks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from mistral_on_azure.catalog.clients import FIRST, clients, how_many
from mistral_on_azure.catalog.notebooks import Kind, Notebook, anchor
from mistral_on_azure.gallery.runs import Programs, Run, Runs
from mistral_on_azure.notebook.wire import Wire
from mistral_on_azure.snippets.offering import shell_script, slug
from mistral_on_azure.snippets.starter import KEY, snippets
from mistral_on_azure.upkeep.beyond_python import PROGRAMS

FAULTS_PAGE = "helpers/mistral_on_azure/upkeep/faults/CLIENTS_AND_FAULTS"
MEASUREMENTS = "helpers/mistral_on_azure/upkeep/measurements/"
_TEMPLATES = Path(__file__).with_name("templates")
SUMMARIES = tomllib.loads((_TEMPLATES / "summaries.toml").read_text(encoding="utf-8"))
_OTHER = Kind.OTHER_LANGUAGE
_AT_ONCE = "Call asynchronously"
_FORCED = ("csharp",)  # the lexer does not know all of the language, such as the first lines of a one-file program


def code(text: str, language: str, style: str = "") -> str:
    """A code block in MyST Markdown, with a longer fence than any in its text."""
    fence = "`" * max((len(found) + 1 for found in re.findall(r"^`{3,}", text, re.M)), default=3)
    option = f":class: {style}\n" if style else ""
    if language in _FORCED:
        option += ":force:\n"
    return f"{fence}{{code-block}} {language}\n{option}\n{text.rstrip()}\n{fence}"


def table(rows: Sequence[Sequence[str]], align: str = "left") -> str:
    """A table in Markdown. The first row is its head."""
    head, *rest = rows
    lines = [head, [":---", *["---:" if align == "right" else "---"] * (len(head) - 1)], *rest]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in lines)


def filled(template: str, **values: Any) -> str:
    """The text of a template in the folder `templates`, filled with values. Its name comes without `.md.j2`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"anchor": anchor, "slug": slug, "code": code, "table": table}
    environment.globals |= {"first": FIRST, "how_many": how_many(), "faults_page": FAULTS_PAGE}
    return environment.get_template(f"{template}.md.j2").render(values)


def page_name(task: str) -> str:
    """The name of a task's page, without its ending."""
    return f"tasks/{slug(task)}"


def task_page(
    known: Mapping[str, Notebook], task: str, programs: Programs, runs: Runs, picture: Mapping[str, str] | None = None
) -> str:
    """The page of a task: a tab for each client with its program, output and requests.

    Args:
        known: the notebooks by their ids.
        task: the heading of the section.
        picture: its name, its alternative text and the line below it; None for a page without one.
    """
    tabs = []
    for key, client in clients().items():
        notebook, run = known[key], runs[key][task]
        tabs.append(
            {
                "row": client,
                "lead": re.sub(r"\]\((?=[\w-]+\.ipynb)", "](../notebooks/", notebook.lead(task)),
                "program": programs[key][task],
                "printed": run.printed,
                "script": shell_script(notebook, task) if snippets(notebook, task, shell=True) else "",
                "exchanges": wire_views(task, run),
            }
        )
    return filled("task", task=task, summary=SUMMARIES.get(task, ""), tabs=tabs, picture=picture)


def wire_views(task: str, run: Run) -> list[tuple[str, str]]:
    """The exchanges of a run, each with its title."""
    exchanges = run.exchanges
    if task == _AT_ONCE:  # their order varies, and each build must give the same page
        exchanges = sorted(exchanges, key=lambda exchange: exchange["body"])
    number = "{}. " if len(exchanges) > 1 else ""
    return [
        (
            f"{number.format(place)}`{each['method']} {each['path']}` → {each['status'] or 'no answer'}",
            repr(Wire((each,))),
        )
        for place, each in enumerate(exchanges, 1)
    ]


def other_languages_page(known: Mapping[str, Notebook]) -> str:
    """The page of the tasks in other languages.

    Args:
        known: the notebooks by their ids.
    """
    parts = {key: program.parts() for key, program in PROGRAMS.items()}
    links = [f"[{_short(each)}](notebooks/{each.id}.ipynb)" for each in known.values() if each.kind is _OTHER]
    return filled("other_languages", programs=PROGRAMS, parts=parts, tasks=list(parts[FIRST]), notebooks=links)


def front_page(
    known: Mapping[str, Notebook],
    tasks: Sequence[str],
    programs: Programs,
    mirrored: Collection[str],
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The front page with clients, tasks and recipes, and the table of contents of the site.

    Args:
        known: the notebooks by their ids.
        tasks: the headings of the tasks.
        mirrored: the names of the pages that are copied into the site.
        pictures: the names of notebooks' pictures, by the notebooks' ids.
    """
    recipes = [each for each in known.values() if each.kind is Kind.RECIPE]
    kinds, keys = (Kind.GUIDE, Kind.CLIENT, _OTHER), list(clients())
    listed = [each for each in known.values() if each not in recipes]
    listed.sort(key=lambda each: (kinds.index(each.kind), each.id in keys and keys.index(each.id)))
    notebooks = {f"notebooks/{each.id}": _short(each) for each in listed}
    measured = sorted(page for page in mirrored if page.startswith(MEASUREMENTS))
    elsewhere = {*measured, *notebooks, *(f"notebooks/{each.id}" for each in recipes), FAULTS_PAGE, "README"}
    return filled(
        "front",
        tabs=[(client, install_command(programs[key][KEY])) for key, client in clients().items()],
        tasks=[(page_name(task), task, SUMMARIES.get(task, "")) for task in tasks],
        recipes=[(f"notebooks/{each.id}", each.title, each.sidecar.about) for each in recipes],
        notebooks=[f"{title} <{page}>" for page, title in notebooks.items()],
        others=sorted(page for page in mirrored if page not in elsewhere),
        measured=measured,
        pictures={f"notebooks/{name}": picture for name, picture in (pictures or {}).items()},
    )


def install_command(program: str) -> str:
    """The install command in the comment at the top of a program."""
    return re.search(r"^# Install: (.*)$", program, re.M)[1]


def _short(notebook: Notebook) -> str:
    """A notebook's name in the table of contents: its client, its language, or its title up to a colon."""
    if notebook.kind is Kind.CLIENT:
        return notebook.name
    return notebook.title.rpartition(" with ")[2] if notebook.kind is _OTHER else notebook.title.partition(": ")[0]
