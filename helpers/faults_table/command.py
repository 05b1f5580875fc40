"""The command: measure everything some times over, and write the two files."""

from __future__ import annotations

import time
from pathlib import Path

import click

from helpers.errors import CookbookError
from helpers.faults_table import keeping, page
from helpers.faults_table.running import PAIRS, measure_all


def measure(folder: Path, repeats: int) -> None:
    """Measure all clients and all faults, and keep the results in a folder."""
    rounds = []
    for number in range(repeats):
        began = time.monotonic()
        rounds.append(measure_all(PAIRS))
        click.echo(f"Round {number + 1} of {repeats}: {len(PAIRS)} calls in {time.monotonic() - began:.0f} s")
    kept = keeping.results(rounds)
    keeping.save(kept, folder)
    page.save(kept, folder)
    click.echo(f"Wrote {folder / page.NAME} and {keeping.NAME}")


def check(folder: Path) -> None:
    """Measure once, and compare with what is kept.

    Raises:
        CookbookError: when something is different.
    """
    found = keeping.differences(keeping.load(folder), measure_all(PAIRS))
    for line in found:
        click.echo(line)
    if found:
        raise CookbookError(
            f"{len(found)} measurements differ from those that are kept; `cookbook faults` keeps new ones."
        )
    click.echo(f"All {len(PAIRS)} measurements are as they are kept.")


def render(folder: Path) -> None:
    """Write the page again from the kept measurements."""
    page.save(keeping.load(folder), folder)
