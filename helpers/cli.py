"""The `cookbook` command. Each subcommand is a thin call; what it needs is imported when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from helpers.errors import CookbookError

ROOT = Path(__file__).resolve().parent.parent


class _OneLine(click.Group):
    """Shows a user's mistake as one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CookbookError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_OneLine)
def main() -> None:
    """Mistral on Azure: the cookbook."""


@main.command()
@click.option("--port", default=0, show_default="a free one", help="Port to listen on.", type=click.IntRange(0, 65535))
@click.option("--deployment", help="The deployment that answers when a request names none.")
def serve(port: int, deployment: str | None) -> None:
    """Run the local endpoint on 127.0.0.1 until Ctrl-C.

    The key is AZURE_INFERENCE_CREDENTIAL; where that is unset, one is made and printed.
    """
    from helpers.endpoint.foreground import serve as run

    run(port, deployment)


@main.command()
@click.argument("names", nargs=-1)
@click.option("--deployment", "-d", "deployments", multiple=True, help="A deployment to run on; may be repeated.")
@click.option("--parameter", "-p", "parameters", multiple=True, nargs=2, metavar="NAME VALUE", help="For papermill.")
@click.option("--workers", type=click.IntRange(1), help="Notebooks at once.  [default: cores + 1]")
@click.option("--cell-timeout", default=120.0, show_default=True, help="Seconds for a cell.")
@click.option("--notebook-timeout", default=600.0, show_default=True, help="Seconds for a notebook.")
@click.option("--save", is_flag=True, help="Keep the outputs in the notebooks themselves.")
def run(
    names: tuple[str, ...],
    deployments: tuple[str, ...],
    parameters: tuple[tuple[str, str], ...],
    workers: int | None,
    cell_timeout: float,
    notebook_timeout: float,
    save: bool,
) -> None:
    """Execute notebooks, all of them or those NAMED, and report.

    They talk to AZURE_INFERENCE_ENDPOINT if it is set, else to a local endpoint.
    """
    from helpers.running.command import execute
    from helpers.running.runner import Limits

    limits = Limits(cell_timeout, notebook_timeout, **({"workers": workers} if workers else {}))
    values = {name: _value(text) for name, text in parameters}
    if not execute(ROOT, names, deployments, values, limits, save):
        sys.exit(1)


def _value(text: str) -> object:
    """A parameter's value: a number or a truth value where the text is one, else the text."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


@main.command()
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the start-here notebook."""
    from helpers.lab import open_lab

    open_lab(ROOT, arguments)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Pass all tests; arguments go to pytest."""
    from helpers.urls import CREDENTIAL, ENDPOINT

    # The tests start endpoints of their own; a real one that happens to be set is none of theirs.
    left_out = {"PYTHONDONTWRITEBYTECODE", ENDPOINT, CREDENTIAL}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    os.chdir(ROOT)
    # All of it by default, in parallel; whoever names a test sees it run in the foreground.
    chosen = arguments or ("--numprocesses=auto", "--dist=loadfile")
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *chosen], environment)


@main.command()
@click.argument("task", required=False, default="")
@click.argument("client", required=False, default="")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file to write; .sh is --shell.")
@click.option("--shell", is_flag=True, help="The shell script with curl, where the notebook has one.")
def snippet(task: str, client: str, output: Path | None, shell: bool) -> None:
    """Print a standalone starter for TASK with CLIENT, such as: streaming openai-sdk.

    A part of a name is enough; without any, the names are listed.
    """
    from helpers.snippets import command

    text = command.snippet(ROOT / "notebooks", task, client, shell or (output is not None and output.suffix == ".sh"))
    if output:
        command.write(text, output)
    else:
        click.echo(text, nl=False)


@main.command()
@click.option("--output", "-o", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "build" / "snippets")
def snippets(output: Path) -> None:
    """Write all starters to a folder.  [default: build/snippets]"""
    from helpers.snippets.command import write_all

    click.echo(f"Wrote {len(write_all(ROOT / 'notebooks', output))} starters to {output}")


@main.command()
def tables() -> None:
    """Rebuild the table of tasks and clients in README.md."""
    from helpers.tables import write

    write(ROOT)


@main.command()
def lock() -> None:
    """Rebuild requirements.lock and environment.yml from pyproject.toml."""
    from helpers.locking import write

    write(ROOT)
