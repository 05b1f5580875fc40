"""The `cookbook` command. Each subcommand imports the modules that it calls when it runs, so that --help is fast."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mistral_on_azure.azure.children import forget_python_path
from mistral_on_azure.azure.files import NOTEBOOKS, ROOT, is_checkout
from mistral_on_azure.commands import models, serve
from mistral_on_azure.mistakes import Number, OfCheckout, OneLine

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_SECONDS = Number(0, 24 * 60 * 60, min_open=True)
_MONEY = Number(0)
_HERE = ROOT if is_checkout() else Path.cwd()  # where notebooks are looked for first, and reports are written
_BUILD = _HERE / "build"
_NOTEBOOKS = _HERE / "notebooks" if (_HERE / "notebooks").is_dir() else NOTEBOOKS
_ENGINE = click.option("--engine", help="A real model for the local endpoint, as for `cookbook serve`.")


@click.group(cls=OneLine)
def main() -> None:
    """Mistral on Azure: the cookbook.

    Begin with `cookbook ask`. `cookbook COMMAND --help` explains a command.
    """
    forget_python_path()


main.add_command(serve)
main.add_command(models)


@main.command()
@click.argument("names", nargs=-1)
@click.option("--client", "-c", "clients", multiple=True, help="Only this client's notebook, as 'OpenAI SDK'.")
@click.option("--tag", "-t", "tags", multiple=True, help="Only notebooks with this tag, or with a cell that has it.")
@click.option("--deployment", "-d", "deployments", multiple=True, help="A deployment to run on; may be repeated.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, nargs=2, metavar="NAME VALUE", help="For example max_tokens 64."
)
@click.option("--workers", type=click.IntRange(1), help="Notebooks at once.  [default: cores + 2]")
@click.option("--cell-timeout", help="Seconds for a cell.  [default: 120; 600 with --engine]", type=_SECONDS)
@click.option("--notebook-timeout", help="Seconds for a notebook.  [default: 600; 3000 with --engine]", type=_SECONDS)
@click.option("--save", is_flag=True, help="Keep the outputs in the notebooks themselves.")
@click.option("--resume", is_flag=True, help="Skip jobs that passed in the last run and have not changed since.")
@click.option("--dry-run", is_flag=True, help="Print the expected calls and tokens; send the endpoint no request.")
@click.option("--max-tokens-total", type=click.IntRange(1), help="Stop before the run uses more tokens than this.")
@click.option("--max-cost", type=_MONEY, help="Stop before the run costs more than this.")
@click.option("--price-in", type=_MONEY, help="Price of a million prompt tokens, in the currency of --max-cost.")
@click.option("--price-out", type=_MONEY, help="Price of a million completion tokens.")
@click.option("--kind", default="serverless", show_default=True, help="Kind of deployment of the local endpoint.")
@_ENGINE
@click.option("--direct", is_flag=True, help="Give notebooks the real address and key; calls are not counted then.")
@click.option("--record", type=_FILE, help="Record the answers in a file, without credentials and tenant data.")
@click.option("--replay", type=_FILE, help="Answer from a recording, in place of an endpoint.")
@click.option("--reports", type=_FOLDER, default=_BUILD / "run", help="Folder of reports.  [default: build/run]")
@click.option("--notebooks", type=_FOLDER, default=_NOTEBOOKS, help="Folder of notebooks.  [default: notebooks]")
def run(**given: Any) -> None:
    """Execute notebooks, all of them or those NAMED.

    They call AZURE_INFERENCE_ENDPOINT if it is set, else a local endpoint. The exit status is 0 if all of them
    passed, 1 if not, and 130 after Ctrl-C. A notebook that fails is not executed again. Reports are the executed
    notebooks, junit.xml, summary.md and results.json.
    """
    from mistral_on_azure.running.plans import from_command_line
    from mistral_on_azure.running.run_command import execute

    sys.exit(execute(from_command_line(ROOT, given)))


@main.command()
@click.option("--endpoint", help="The address to examine.  [default: AZURE_INFERENCE_ENDPOINT]")
@click.option("--deployment", default="", help="The deployment to examine.  [default: the one that the endpoint names]")
@click.option("--timeout", default=15.0, show_default=True, help="Seconds to wait for an answer.", type=_SECONDS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(endpoint: str | None, deployment: str, timeout: float, as_json: bool) -> None:
    """Examine an endpoint: what it is, what works, and what to change.

    The credential is AZURE_INFERENCE_CREDENTIAL or, without it, Microsoft Entra ID. If neither it nor the address is
    set, the local endpoint is examined. It takes about 25 calls, three of them at once, and a few hundred tokens. The
    exit status is 0 if no check fails, 1 if one does, and 2 for a mistake in the options.
    """
    from mistral_on_azure.doctor.report import run

    sys.exit(run(endpoint, deployment, timeout, as_json))


@main.command()
@click.option("--folder", type=_FOLDER, help="Copy the notebooks there first; required outside a checkout.")
@click.option("--port", help="Port to try first.  [default: 8888]", type=click.IntRange(1, 65535))
@click.option("--browser/--no-browser", default=True, help="Open a browser, or only print the address.")
@_ENGINE
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(folder: Path | None, port: int | None, browser: bool, engine: str | None, arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the start-here notebook.

    Ctrl-C twice ends it. It listens on 127.0.0.1 and requires a token, which is in the printed address. ARGUMENTS after
    -- are passed to JupyterLab.
    """
    from mistral_on_azure.lab import copied, open_lab

    if folder is None and not is_checkout():
        raise click.UsageError("Name the folder to copy the notebooks to: --folder FOLDER.")
    _use_engine(engine)
    import_module("jupyterlab")  # started as a program, it would not say that it is missing
    open_lab(copied(NOTEBOOKS, folder) if folder else ROOT, port, browser, arguments)


def _use_engine(engine: str | None) -> None:
    """Make `connect` start the local endpoint with a real model, in this process and in kernels."""
    from mistral_on_azure.azure.addresses import ENDPOINT, ENGINE

    if engine is None:
        return
    if os.environ.get(ENDPOINT):
        raise click.UsageError(f"--engine is for the local endpoint, but {ENDPOINT} is set: leave out one of them.")
    if engine == "embedded":
        from mistral_on_azure.endpoint.models.embedded import weights

        weights()  # where the model is missing, it raises one line that says how to install it
    os.environ[ENGINE] = engine


@main.command(cls=OfCheckout, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the tests, except those that take long.

    ARGUMENTS are passed to pytest, such as a file. With --all, the long tests run, too.
    """
    from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT

    # The tests start endpoints of their own, and must not call the one that the user has set.
    environment = {name: value for name, value in os.environ.items() if name not in (ENDPOINT, CREDENTIAL)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    os.chdir(ROOT)
    # All tests run in parallel; tests that are named run in the foreground.
    chosen = tuple(each for each in arguments if each != "--all") or ("--numprocesses=auto", "--dist=loadfile")
    marked = ("-m", "") if "--all" in arguments else ()  # pyproject.toml leaves out what is marked `all`
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *marked, *chosen], environment)


@main.command()
@click.argument("task", required=False, default="")
@click.argument("client", required=False, default="")
@click.option("--output", type=_FILE, help="The file to write; a name in .sh means --shell.")
@click.option("--shell", is_flag=True, help="Print the shell script with curl, if the notebook has one.")
def snippet(task: str, client: str, output: Path | None, shell: bool) -> None:
    """Print a standalone program for a task.

    For example: cookbook snippet streaming openai-sdk. A part of a name is enough. Without a name, the names are
    listed.
    """
    from mistral_on_azure.snippets import snippet_commands

    text = snippet_commands.snippet(NOTEBOOKS, task, client, shell or (output is not None and output.suffix == ".sh"))
    if output:
        snippet_commands.write(text, output)
    else:
        click.echo(text, nl=False)


@main.command()
@click.option("--output", type=_FOLDER, default=_BUILD / "snippets")
def snippets(output: Path) -> None:
    """Write all programs to a folder.  [default: build/snippets]"""
    from mistral_on_azure.snippets.snippet_commands import write_all

    click.echo(f"Wrote {len(write_all(NOTEBOOKS, output))} starters to {output}")


@main.command(cls=OfCheckout)
@click.option("--output", type=_FOLDER, default=_BUILD / "gallery", help="The folder.  [default: build/gallery]")
def gallery(output: Path) -> None:
    """Build a site with all tasks and clients.

    It opens from disk and needs no network.
    """
    from mistral_on_azure.gallery.build import build

    build(ROOT, output)


@main.command()
def engine() -> None:
    """Install a small real language model (130 MB).

    With `--engine embedded`, it answers in place of the local endpoint's script.
    """
    from mistral_on_azure.endpoint.models.embedded import install

    install()


@main.command(cls=OfCheckout)
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1), help="Measurements of each fault.")
@click.option("--check", is_flag=True, help="Measure once and compare with the kept results; write nothing.")
@click.option("--render", is_flag=True, help="Write the page again from the kept results; measure nothing.")
def faults(repeats: int, check: bool, render: bool) -> None:
    """Measure how each client handles each fault.

    The local endpoint causes the faults, and the results are kept in upkeep/faults. A round takes about 40 seconds, in
    which the clients mostly wait before they retry.
    """
    from mistral_on_azure.upkeep.faults import faults_table

    if check and render:
        raise click.UsageError("Give --check or --render, not both.")
    if check or render:
        (faults_table.check if check else faults_table.render)()
    else:
        faults_table.measure(repeats)


@main.command(cls=OfCheckout)
@click.argument("name")
def recipe(name: str) -> None:
    """Begin a recipe: write its notebook and its TOML file.

    The notebook is `recipes/NAME.ipynb`, with six cells. `make recipe NAME=hello` also executes it, keeps its outputs
    and adds it to the pages.
    """
    from mistral_on_azure.upkeep.recipes import begin

    path = begin(ROOT / "notebooks", name)
    click.echo(f"Wrote {path.relative_to(ROOT)} and {path.with_suffix('.toml').name} beside it.")


@main.command(cls=OfCheckout)
def tables() -> None:
    """Rebuild the tables of tasks, clients and recipes in the pages."""
    from mistral_on_azure.upkeep.generated import write_tables as write

    write(ROOT)


@main.command()
@click.argument("question", required=False)
@click.option(
    "--deployment", "-d", default="", help="The deployment to ask.  [default: the one that the endpoint names]"
)
@click.option(
    "--kind", default="", help="Kind of deployment: serverless, managed or foundry.  [default: the endpoint's own]"
)
@click.option("--max-tokens", type=click.IntRange(1), help="The most tokens of the answer.")
@_ENGINE
def ask(question: str | None, deployment: str, kind: str, max_tokens: int | None, engine: str | None) -> None:
    """Ask one QUESTION; see the answer, its tokens and the request."""
    _use_engine(engine)
    from mistral_on_azure.notebook.one_question import QUESTION
    from mistral_on_azure.notebook.one_question import ask as run

    run(QUESTION if question is None else question, deployment, kind, max_tokens, click.echo)


@main.command()
def openapi() -> None:
    """Print the local endpoint's OpenAPI document.

    The endpoint serves it at /openapi.json, on managed compute at /local/openapi.json.
    """
    import json

    from mistral_on_azure.endpoint.application import document

    click.echo(json.dumps(document(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
def secrets(files: tuple[Path, ...]) -> None:
    """Look for credentials in files.

    FILES are files, notebooks and folders; without any, all files of the project. It finds keys of Azure, tokens,
    private keys and the like in sources, outputs and metadata, and the credential in AZURE_INFERENCE_CREDENTIAL. It
    prints where a credential is, and never the credential. The exit status is 1 if there is one.
    """
    from mistral_on_azure.upkeep.secrets.scan import scan

    sys.exit(scan(_HERE, files))


@main.command(cls=OfCheckout)
def lock() -> None:
    """Rebuild requirements.lock and environment.yml."""
    from mistral_on_azure.upkeep.generated import write

    write(ROOT)


if __name__ == "__main__":
    main(prog_name="cookbook")
