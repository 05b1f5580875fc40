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
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the start-here notebook."""
    from helpers.lab import open_lab

    open_lab(ROOT, arguments)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Pass all tests; arguments go to pytest."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments], environment)


@main.command()
def lock() -> None:
    """Rebuild requirements.lock and environment.yml from pyproject.toml."""
    from helpers.locking import write

    write(ROOT)
