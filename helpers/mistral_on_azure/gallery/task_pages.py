"""The page of a task: the same program with every client, in tabs, with what it prints and sends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.sections import CLIENTS, anchor
from mistral_on_azure.gallery.markdown import code_block, directive, tab_set
from mistral_on_azure.gallery.runs import Run, Runs, Starters
from mistral_on_azure.notebook.wire import Wire
from mistral_on_azure.snippets.choosing import slug
from mistral_on_azure.snippets.offering import shell_script, shell_tasks

FIRST = "openai-sdk"  # the tab that is open until a reader chooses: the client for new code
DOCUMENTATION = {key: (client.documentation.title, client.documentation.url) for key, client in clients().items()}


def install_command(starter: str) -> str:
    """The command that installs what a starter needs; the comment at its top has it."""
    return re.search(r"^# Install: (.*)$", starter, re.M)[1]


_LINK_TO_NOTEBOOK = re.compile(r"\]\((?=[\w-]+\.ipynb)")


def reasons(folder: Path) -> dict[str, str]:
    """When to take each client: what follows "take it when"."""
    return {key: client.reason for key, client in clients().items()}


def leads(notebook: Path) -> dict[str, str]:
    """The first paragraph of each section, by its heading; links work from a folder beside the notebooks'."""
    found = {}
    for text in _texts(notebook):
        heading, _, rest = text.partition("\n\n")
        if heading.startswith("## "):
            found[heading.removeprefix("## ")] = _LINK_TO_NOTEBOOK.sub("](../notebooks/", rest.partition("\n\n")[0])
    return found


def _texts(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


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


CLIENT, VIEW = "client", "view"  # the two choices that every page follows
SUMMARIES = {
    "Connect with a key": "An address and a key, and the first answer.",
    "Connect with Microsoft Entra ID": "No secret to store: the program proves who it is.",
    "Ask what is deployed": "Which model is behind the address.",
    "Complete a chat": "A question in, an answer and its tokens out.",
    "Send a system message": "How to instruct a model that has no system role.",
    "Hold a conversation": "Follow-up questions, though the service remembers nothing.",
    "Stream the answer": "Show the text while it is written.",
    "Shape the answer with parameters": "Length, stop words, sampling, penalties, seed.",
    "Ask for JSON": "Get data out of models without a JSON mode.",
    "Call tools": "Let the model ask for a function of yours, and answer it.",
    "Pass extra parameters": "Log probabilities, and what else the API does not name.",
    "Call asynchronously": "Several questions at the same time.",
    "Handle errors and retries": "Wrong key, wrong address, refused parameter, quota.",
    "Know the limits of this client": "What each client cannot do, or does quietly.",
}


def page_name(task: str) -> str:
    """The name of a task's page, without its ending."""
    return f"tasks/{slug(task)}"


def task_page(folder: Path, task: str, starters: Starters, runs: Runs) -> str:
    """The page.

    Args:
        folder: where the notebooks are.
        task: the heading of the section.
    """
    tabs = [
        (client, name, _client(folder, task, client, starters[client][task], runs)) for client, name in CLIENTS.items()
    ]
    summary = SUMMARIES.get(task, "")
    return f"# {task}\n\n{summary}\n\n{tab_set(CLIENT, tabs, FIRST)}"


def _client(folder: Path, task: str, client: str, program: str, runs: Runs) -> str:
    """What is in a client's tab."""
    run = runs[client][task]
    views = [("program", "Program", f"{code_block(program, 'python')}\n{_prints(run.printed)}")]
    if task in shell_tasks(folder, client):
        views.append(("shell", "curl", code_block(shell_script(folder, task, client), "bash")))
    views.append(("wire", "On the wire", wire_view(task, run)))
    lead = leads(folder / f"{client}.ipynb")[task]
    return f"{lead}\n\n{tab_set(VIEW, views)}\n{_links(task, client)}"


def _prints(text: str) -> str:
    label = directive("rubric", "", "It prints")
    return f"{label}\n{code_block(text, 'text', class_='gallery-output')}"


def _links(task: str, client: str) -> str:
    documentation, address = DOCUMENTATION[client]
    lines = [
        f"- [Read this section of the {CLIENTS[client]} notebook](../notebooks/{client}.ipynb#{anchor(task)})",
        f"- [API documentation: {documentation}]({address})",
        f"- In a terminal: `cookbook snippet {slug(task)} {client}`",
    ]
    return directive("container", "\n".join(lines), "gallery-links")
