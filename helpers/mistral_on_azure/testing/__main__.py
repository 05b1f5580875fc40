"""`python -m mistral_on_azure.testing -- COMMAND`: run tests in any language on a local endpoint of their own.

The command gets AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL. Its tests can ask the endpoint for answers and
faults over HTTP: POST to /local/script and /local/faults, GET /local/exchanges, DELETE /local/session to begin anew.
Where the command fails, what it sent and was answered is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing.endpoint_double import azure_endpoint


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--kind", default="serverless", show_default=True, help="serverless, managed or foundry.")
@click.option("--script", "scripts", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--loose", is_flag=True, help="Answer unknown prompts too, in place of a refusal.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(kind: str, scripts: tuple[Path, ...], loose: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND on a local endpoint that answers what the scripts say.

    The exit status is the command's, or 1 where it sent a prompt that no script has an answer for.
    """
    try:
        with azure_endpoint(kind) as endpoint:
            for script in scripts:
                endpoint.script(script)
            if loose:
                endpoint.allow_unknown_prompts()
            status = subprocess.run(command, env={**os.environ, **endpoint.environment}).returncode
            refused = endpoint.unexpected
            if status or refused:
                print(endpoint.report(), file=sys.stderr)
            for message in refused:
                print(f"Error: {message}", file=sys.stderr)
    except (CookbookError, OSError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(status or bool(refused))


if __name__ == "__main__":
    main(prog_name="python -m mistral_on_azure.testing")
