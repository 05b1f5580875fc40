"""`python -m mistral_on_azure.testing -- COMMAND`: run tests in any language on a local endpoint of their own.

The command gets AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL. Its tests choose the endpoint's answers and
faults over HTTP: they POST to /local/script and /local/faults, read /local/exchanges, and reset all of it with DELETE
/local/session. If the command fails, its requests and their answers since the last reset are printed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import click

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing.endpoint_double import Endpoint
from mistral_on_azure.testing.shared_processes import Processes


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--kind", default="serverless", show_default=True, help="serverless, managed or foundry.")
@click.option(
    "--script",
    "scripts",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Answers, as for `cookbook serve --script`; may be repeated. A reset keeps them.",
)
@click.option("--loose", is_flag=True, help="Answer unknown prompts, too, instead of refusing them.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(kind: str, scripts: tuple[str, ...], loose: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND on a local endpoint that answers from the scripts.

    The exit status is the command's, or 1 if it sent a prompt without an answer in the scripts.
    """
    try:
        with Processes(script=scripts, strict=not loose) as processes, Endpoint(processes, kind) as endpoint:
            status = _run(command, {**os.environ, **endpoint.environment})
            refused = endpoint.refused_ever
            if status or refused:
                print(endpoint.report(), file=sys.stderr)
            for message in refused:
                print(f"Error: {message}", file=sys.stderr)
    except (CookbookError, OSError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(status or bool(refused))


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit status. SIGTERM, as from a CI system at a time limit, is sent on to it."""
    received: list[int] = []
    process: subprocess.Popen | None = None

    def end(number: int, _: object) -> None:
        received.append(number)
        if process is not None:
            process.send_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with subprocess.Popen(command, env=environment) as process:
            if received:  # before the process was there
                process.terminate()
            try:
                status = process.wait()
            except BaseException:  # Ctrl-C
                process.kill()
                raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return status if status >= 0 else 128 - status  # as shells say that a signal ended it


if __name__ == "__main__":
    main(prog_name="python -m mistral_on_azure.testing")
