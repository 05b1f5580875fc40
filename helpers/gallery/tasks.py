"""The page of a task: the same program with six clients, in tabs."""

from __future__ import annotations

from pathlib import Path

from helpers.gallery.clients import DOCUMENTATION, FIRST
from helpers.gallery.markdown import code_block, directive, tab_set
from helpers.gallery.runs import Runs
from helpers.gallery.said import leads
from helpers.gallery.starters import Starters
from helpers.gallery.wire import wire_view
from helpers.sections import CLIENTS, anchor
from helpers.snippets.choosing import slug
from helpers.snippets.shell import shell_script, shell_tasks

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
