"""The site's pages: templates, filled with programs, their runs, the catalog's notebooks and models, and pictures."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.deployments import default_name, imitated_paces
from mistral_on_azure.azure.http import object_of
from mistral_on_azure.catalog.clients import FIRST, clients, how_many
from mistral_on_azure.catalog.models import OLD, Model, as_of, models, parts
from mistral_on_azure.catalog.notebooks import Kind, Notebook, anchor
from mistral_on_azure.catalog.selection import grouped, slug
from mistral_on_azure.gallery.runs import Programs, Run, Runs
from mistral_on_azure.notebook.figures import THEMES, Drawing
from mistral_on_azure.notebook.kept_measurements import kept
from mistral_on_azure.notebook.model_views import GROUPS, TimeLine, facts
from mistral_on_azure.notebook.round_views import Rounds, steps
from mistral_on_azure.notebook.service_views import plot_base_urls, plot_layers
from mistral_on_azure.notebook.streams import IMITATED, Arrivals
from mistral_on_azure.notebook.token_probabilities import plot_sampling
from mistral_on_azure.notebook.wire import Wire
from mistral_on_azure.snippets.snippet_commands import shell_script
from mistral_on_azure.snippets.starter import KEY, snippets
from mistral_on_azure.upkeep import markdown
from mistral_on_azure.upkeep.beyond_python import PROGRAMS

FAULTS_PAGE = "helpers/mistral_on_azure/upkeep/faults/CLIENTS_AND_FAULTS"
MEASUREMENTS = "helpers/mistral_on_azure/upkeep/measurements/"
TEMPLATES = Path(__file__).with_name("templates")
SUMMARIES = tomllib.loads((TEMPLATES / "summaries.toml").read_text(encoding="utf-8"))
_OTHER = Kind.OTHER_LANGUAGE
_AT_ONCE = "Call asynchronously"
STREAM, PARAMETERS, TOOLS = "Stream the answer", "Shape the answer with parameters", "Call tools"
ERRORS = "Handle errors and retries"
_SHARED = "../notebooks/start-here.ipynb#See-what-all-clients-share"
_PATHS, _REFUSED = (
    f"../notebooks/your-endpoint.ipynb#{section}"
    for section in ("Choose-the-base-URL", "Know-what-managed-compute-refuses")
)
_BELOW = {  # a picture: what it shows, and which guide has more
    KEY: f"From your address to the base URL. Your own endpoint [tries each path]({_PATHS}).",
    STREAM: f"The same answer, whole and as a stream. Start here [measures it]({_SHARED}).",
    PARAMETERS: f"What `temperature` and `top_p` make of the next token. Start here [explains it]({_SHARED}).",
    TOOLS: f"What the OpenAI SDK's program sends and gets, in two rounds. Start here [explains them]({_SHARED}).",
    ERRORS: f"What each layer of managed compute refuses. Your own endpoint [says what to change]({_REFUSED}).",
}


def filled(template: str, **values: Any) -> str:
    """The text of a template in the folder `templates`. Its name comes without `.md.j2`."""
    names = {"anchor": anchor, "slug": slug, "first": FIRST, "how_many": how_many(), "faults_page": FAULTS_PAGE}
    return markdown.filled(TEMPLATES / template, names, **values)


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
    pictures: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The front page with clients, tasks and recipes, and the table of contents of the site.

    Args:
        known: the notebooks by their ids.
        tasks: the headings of the tasks.
        mirrored: the names of the pages that are copied into the site.
        pictures: the names and alternative texts of notebooks' pictures, by the notebooks' ids.
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
        recipes={
            group: [(f"notebooks/{each.id}", each.title, each.sidecar.about) for each in some]
            for group, some in grouped(recipes).items()
        },
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


def models_page(drawings: Path, today: date | None = None) -> str:
    """The page, in MyST Markdown.

    Args:
        drawings: a folder that the time line is drawn into, once for each theme.
        today: the day on which a row counts as old or not; None is the current day.
    """
    return filled(
        "models",
        as_of=as_of(),
        picture=draw(TimeLine(), "models", drawings),
        groups=[(title, _model_rows(group, today)) for group, title in GROUPS.items()],
        parts=[
            ["Part", "Ends", "Note"],
            *([part.name + _mark(part.stale(today)), _sourced(part.facts()["ends"]), part.note]
              for part in parts().values()),
        ],
        details=[(row, [[name, _sourced(said)] for name, said in row.facts().items()]) for row in models().values()],
    )  # fmt: skip


def _model_rows(group: str, today: date | None) -> list[list[str]]:
    """The rows of a group, the head first, without the columns that are empty in all of them."""
    rows = [row for row in models().values() if row.group == group]
    said = {row.name: facts(row) for row in rows}
    labels = [label for label in facts(rows[0]) if any(values[label] != "–" for values in said.values())]
    head = ["Model", *labels]
    return [head, *([_model_name(row, today), *(said[row.name][label] for label in labels)] for row in rows)]


def _model_name(row: Model, today: date | None) -> str:
    also = f"<br>in the catalog `{row.asset}`" if row.asset != row.name else ""
    return f"`{row.name}`{also}{_mark(row.stale(today))}"


def _mark(stale: bool) -> str:
    return f"<br>**{OLD}**" if stale else ""


def _sourced(said: tuple) -> str:
    return "<br>".join(f"{fact.value} <small>({fact.source}, {fact.seen})</small>" for fact in said)


def draw(drawing: Drawing, name: str, folder: Path) -> dict[str, str]:
    """Write a picture as NAME-light.svg and NAME-dark.svg into a folder, and return its name and alternative text."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        (folder / f"{name}-{theme}.svg").write_bytes(drawing.svg(theme))
    return {"name": name, "alt": drawing.alt}


def task_pictures(runs: Mapping[str, Run], folder: Path) -> dict[str, dict[str, str]]:
    """The pictures of tasks, by task: the picture's name, its alternative text and the line below it.

    Args:
        runs: the runs of one client's programs, by task. Its stream and its tool call are drawn.
        folder: where the pictures are written.
    """
    drawings = {
        KEY: ("base-urls", plot_base_urls()),
        STREAM: ("arrivals", _arrivals(runs[STREAM])),
        PARAMETERS: ("sampling", plot_sampling(kept("next token"), temperatures=(0.5, 1.0, 1.5), top_p=0.5)),
        TOOLS: ("rounds", _rounds(runs[TOOLS])),
        ERRORS: ("layers", plot_layers()),
    }
    return {task: {**draw(drawing, name, folder), "below": _BELOW[task]} for task, (name, drawing) in drawings.items()}


def _arrivals(run: Run) -> Arrivals:
    """The chunks of a stream at the pace that the local endpoint imitates, so that the picture is always the same."""
    events = (object_of(line.removeprefix("data: ")) for line in run.exchanges[0]["answer"].splitlines())
    texts = [choice["delta"].get("content") for event in events for choice in event.get("choices") or []]
    pace = imitated_paces()[default_name()]
    times = [pace["first_token"] + place / pace["tokens_per_second"] for place in range(len([*filter(None, texts)]))]
    return Arrivals(times[-1], tuple(times), IMITATED)


def _rounds(run: Run) -> Rounds:
    """The requests and answers of a program that calls a tool."""
    answers: list[dict[str, Any]] = [json.loads(exchange["answer"]) for exchange in run.exchanges]
    messages = json.loads(run.exchanges[-1]["body"])["messages"] + [answers[-1]["choices"][0]["message"]]
    usages = [(each["usage"]["prompt_tokens"], each["usage"]["completion_tokens"]) for each in answers]
    return Rounds(tuple(steps(messages, usages)))
