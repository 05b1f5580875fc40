"""The options of `cookbook models`. It imports the command's code when it runs, so that --help is fast."""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("name", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Compare with what your signed-in `az` lists; nothing is changed.")
@click.option("--location", default="eastus2", show_default=True, help="The region whose models --check lists.")
@click.option("--stale", is_flag=True, help="Fail when a row was not checked for 90 days; for a weekly job.")
def models(name: str, as_json: bool, check: bool, location: str, stale: bool) -> None:
    """Print which Mistral models Azure has, or the facts about the model NAME.

    NAME may be a text that contains the name, such as an address or an error message. Every fact has a source and a
    date. The exit status is 1 if --check finds a difference or --stale an old row.
    """
    from mistral_on_azure.catalog.models_command import run

    sys.exit(run(name, as_json, check, stale, location))
