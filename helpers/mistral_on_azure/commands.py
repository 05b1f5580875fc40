"""`cookbook serve` and `cookbook models`: their options. What they do is imported when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(dir_okay=False, path_type=Path)
_ALONE = "--port"  # the only option that --replay and --record can be combined with


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port to listen on.", type=click.IntRange(0, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Any but loopback is open to the network.")
@click.option("--script", type=_FILE, multiple=True, help="Answers of your own; may be repeated.")
@click.option("--strict", is_flag=True, help="Only your scripts answer; another prompt is an error.")
@click.option("--script-schema", is_flag=True, help="Print the JSON schema of a script, and end.")
@click.option("--replay", type=_FILE, help="Answer from a recording of `cookbook run --record`.")
@click.option("--record", type=_FILE, help="Forward to AZURE_INFERENCE_ENDPOINT; write a script from its answers.")
@click.option("--deployment", help="The deployment that answers a request without a model.")
@click.option("--requests-per-minute", default=1_000, show_default=True, help="Quota of each deployment.")
@click.option(
    "--tokens-per-minute", type=int, show_default="200,000, foundry 400,000", help="Quota of each deployment."
)
@click.option(
    "--timing", default="off", show_default=True, help="Pace: off, imitate, or first_token=0.2;tokens_per_second=50."
)
@click.option("--token-lifetime", default=3600, show_default=True, help="Seconds until an Entra ID token expires.")
@click.option(
    "--kind", default="serverless", show_default=True, help="Kind of deployment: serverless, managed or foundry."
)
@click.option("--concurrent", default=1, show_default=True, help="Managed compute: concurrent requests per instance.")
@click.option("--instances", default=1, show_default=True, help="Managed compute: number of instances.")
@click.option("--without-models", is_flag=True, help="Foundry: the deprecated route /models is gone.")
@click.option("--as-of", default="", metavar="DAY", help="Offer what was sold on that day, such as 2025-12-01.")
@click.option("--retired", default=410, show_default=True, help="Status for a retired model: 410 or 404.")
@click.option("--request-timeout-ms", default=5000, show_default=True, help="Managed compute: limit of a whole answer.")
@click.option("--strict-model", is_flag=True, help="Serverless: refuse a model that is no deployment's name.")
@click.option("--engine", help="A real model: 'embedded', or the address of an OpenAI-compatible server.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A host name to answer to; may be repeated.")
@click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="Origin of web pages to answer; may be repeated.")
@click.pass_context
def serve(
    ctx: click.Context, port: int, script_schema: bool, replay: Path | None, record: Path | None, **options: Any
) -> None:
    """Run the local endpoint on 127.0.0.1 until Ctrl-C.

    The key is AZURE_INFERENCE_CREDENTIAL; without it, a key is generated and printed. The key of an engine is
    COOKBOOK_ENGINE_KEY. A script that changes is read again; if it is invalid then, the answers from before stay.
    """
    if script_schema:
        import json

        from mistral_on_azure.endpoint.models.script_files import script_schema as schema

        click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
        return
    if replay or record:
        _check_alone(ctx, "replay" if replay else "record")
        from mistral_on_azure.notebook.tapes import record_script, serve_recording

        if replay:
            serve_recording(replay, port)
        else:
            record_script(record, port)
        return
    from mistral_on_azure.endpoint.server_process import serve as run

    run(port, **options)


def _check_alone(ctx: click.Context, name: str) -> None:
    """Refuse options that would have no effect.

    Raises:
        UsageError: which names the first of them.
    """
    given = [each for each in ctx.params if ctx.get_parameter_source(each) is click.core.ParameterSource.COMMANDLINE]
    others = [f"--{each.replace('_', '-')}" for each in given if each not in (name, "port")]
    if others:
        raise click.UsageError(f"--{name} goes with {_ALONE} alone, not with {others[0]}.", ctx)


@click.command()
@click.argument("name", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Compare with what your signed-in `az` lists; nothing is changed.")
@click.option("--location", default="eastus2", show_default=True, help="The region whose models --check lists.")
@click.option("--stale", is_flag=True, help="Fail when a row was not checked for 90 days; for a weekly job.")
def models(name: str, as_json: bool, check: bool, location: str, stale: bool) -> None:
    """Print which Mistral models Azure has, or what is known of one.

    NAME is the model; it may be a text that contains the name, such as an address or an error message. Every fact has
    a source and a date. The exit status is 1 if --check finds a difference or --stale an old row.
    """
    from mistral_on_azure.catalog.models_command import run

    sys.exit(run(name, as_json, check, stale, location))
