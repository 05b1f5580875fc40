"""The front page: choose a client, find a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from helpers.gallery.beyond_python import PAGE, TITLE
from helpers.gallery.clients import DOCUMENTATION, FIRST, install_command
from helpers.gallery.markdown import code_block, directive, tab_set
from helpers.gallery.said import reasons
from helpers.gallery.starters import Starters
from helpers.gallery.tasks import CLIENT, SUMMARIES, page_name
from helpers.sections import CLIENTS
from helpers.snippets.starter import KEY

_TITLE = "Mistral on Azure: the cookbook"
_ABOUT = """\
Six ways to call Mistral's open chat models on Azure AI. Every program here is complete: copy it, set two environment
variables, run it. What it prints and what it sends was recorded while this site was built.
"""
_MORE = [
    ("comparison.md", "Compare the six clients", "Start, speed, memory, size, and what they do when something fails."),
    (f"{PAGE}.md", TITLE, "curl, JavaScript with two packages, and C#."),
    ("notebooks/start-here.ipynb", "Start here", "The terms, the models, the clients, and how to prepare Azure."),
    ("README.md", "Run the cookbook", "On your own machine, without an account or on your deployment."),
    (
        "helpers/endpoint/CLIENTS_AND_FAULTS.md",
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
            _ABOUT,
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
