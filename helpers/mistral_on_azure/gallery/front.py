"""The front page (choose a client, find a task), and the page of the tasks in other languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mistral_on_azure.catalog.sections import CLIENTS
from mistral_on_azure.gallery.markdown import code_block, directive, tab_set
from mistral_on_azure.gallery.runs import Starters
from mistral_on_azure.gallery.task_pages import (
    CLIENT,
    DOCUMENTATION,
    FIRST,
    SUMMARIES,
    install_command,
    page_name,
    reasons,
)
from mistral_on_azure.snippets.starter import KEY
from mistral_on_azure.upkeep.beyond_python.programs import PROGRAMS

PAGE, TITLE = "beyond-python", "The same tasks in other languages"
_ABOUT = """\
Programs for curl, for JavaScript with OpenAI's package and with Microsoft's, and for C#. Each part goes on from the
ones above it. The whole files, and what to install for them, are
[in the folder beyond-python](notebooks/beyond-python/README.md). Tests run all of them but C#, which was **not compiled
and not run here**. What the others print is in the notebooks for [curl](notebooks/beyond-python/curl.ipynb) and
[JavaScript](notebooks/beyond-python/javascript.ipynb).
"""


def beyond_python_page() -> str:
    """The page."""
    parts = {client: program.parts() for client, program in PROGRAMS.items()}
    sections = [f"## {task}\n\n{_tabs(parts, task)}" for task in parts[FIRST]]
    return "\n".join([f"# {TITLE}\n", _ABOUT, *sections])


def _tabs(parts: dict[str, dict[str, str]], task: str) -> str:
    tabs = [
        (client, program.title, code_block(parts[client][task], program.language))
        for client, program in PROGRAMS.items()
    ]
    return tab_set(CLIENT, tabs, FIRST)


_TITLE = "Mistral on Azure: the cookbook"
_ABOUT_front = """\
Six ways to call Mistral's open chat models on Azure AI. Every program here is complete: copy it, set two environment
variables, run it. What it prints and what it sends was recorded while this site was built.
"""
_MORE = [
    ("comparison.md", "Compare the six clients", "Start, speed, memory, size, and what they do when something fails."),
    (f"{PAGE}.md", TITLE, "curl, JavaScript with two packages, and C#."),
    ("notebooks/start-here.ipynb", "Start here", "The terms, the models, the clients, and how to prepare Azure."),
    ("README.md", "Run the cookbook", "On your own machine, without an account or on your deployment."),
    (
        "helpers/mistral_on_azure/upkeep/faults/CLIENTS_AND_FAULTS.md",
        "Clients and faults",
        "Each client against each error, slow answer and broken connection.",
    ),
]


_OTHER_NOTEBOOKS = {"beyond-python/curl": "curl alone", "beyond-python/javascript": "JavaScript"}


def front_page(folder: Path, tasks: Sequence[str], starters: Starters, mirrored: Iterable[str]) -> str:
    """The page.

    Args:
        folder: where the notebooks are.
        mirrored: pages of the project that are part of the site.
    """
    why = reasons(folder)
    clients = [(client, name, _client(client, why[client], starters)) for client, name in CLIENTS.items()]
    return "\n".join(
        [
            f"# {_TITLE}\n",
            _ABOUT_front,
            "## Choose your client\n",
            "All pages follow your choice. You can change it on any of them.\n",
            tab_set(CLIENT, clients, FIRST),
            "## Find your task\n",
            _cards([(f"{page_name(task)}.md", task, SUMMARIES.get(task, "")) for task in tasks]),
            "## Know more\n",
            _cards(_MORE),
            _contents(tasks, mirrored),
        ]
    )


def _client(client: str, why: str, starters: Starters) -> str:
    name, (documentation, address) = CLIENTS[client], DOCUMENTATION[client]
    return "\n".join(
        [
            f"Take it when {why}\n",
            code_block(install_command(starters[client][KEY]), "bash"),
            f"[{name} notebook](notebooks/{client}.ipynb) · [API documentation: {documentation}]({address})",
        ]
    )


def _cards(cards: Iterable[tuple[str, str, str]]) -> str:
    """Cards that are links as a whole: the page, its title, a line about it."""
    made = [
        directive(
            "grid-item-card",
            f"**{title}**\n\n{line}",
            link=page.rpartition(".")[0],
            link_type="doc",
            class_card="gallery-card",
            link_alt=title,
        )
        for page, title, line in cards
    ]
    return directive("grid", "\n".join(made), "1 2 2 3", gutter="3")


def _contents(tasks: Iterable[str], mirrored: Iterable[str]) -> str:
    """The table of contents beside every page."""
    names = {"start-here": "Start here", **CLIENTS, **_OTHER_NOTEBOOKS}
    notebooks = {f"notebooks/{notebook}": name for notebook, name in names.items()}
    others = [page for page in mirrored if page not in notebooks and page != "README"]
    parts = {
        "Tasks": [*(page_name(task) for task in tasks), f"In other languages <{PAGE}>"],
        "Clients": ["comparison", *(page for page in others if page.endswith("FAULTS"))],
        "Notebooks": [f"{title} <{page}>" for page, title in notebooks.items()],
        "The cookbook": ["Run the cookbook <README>", *(page for page in others if not page.endswith("FAULTS"))],
    }
    return "\n".join(directive("toctree", "\n".join(pages), caption=title, hidden="") for title, pages in parts.items())
