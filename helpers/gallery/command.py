"""`cookbook gallery`: collect the sources, let Sphinx build the site."""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import click
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from helpers.errors import CookbookError
from helpers.gallery.configuration import configuration
from helpers.gallery.sources import collect

_SITE = "objects.inv"  # a file that every site made by Sphinx has

_SHOWN, _WIDTH = 20, 300  # lines of warnings, and characters of each


def build(root: Path, output: Path, work: Path) -> Path:
    """Build the site.

    Args:
        root: the project's folder.
        output: the folder of the site; a site that is there is replaced.
        work: a folder for what is made on the way.

    Returns:
        The page to open.

    Raises:
        CookbookError: when Sphinx warns of anything, or the folder holds something else.
    """
    _empty(output)
    began = time.monotonic()
    click.echo("Running the programs of all tasks and clients, unless nothing changed since the last time")
    sources = collect(root, work)
    click.echo(f"Building the site ({time.monotonic() - began:.0f} s so far)")
    _sphinx(sources, output, work)
    click.echo(f"Built in {time.monotonic() - began:.0f} s. Open {output / 'index.html'}")
    return output / "index.html"


def _empty(output: Path) -> None:
    if output.exists() and any(output.iterdir()) and not (output / _SITE).exists():
        raise CookbookError(f"{output} holds something that is no gallery. Choose another --output, or empty it.")
    shutil.rmtree(output, ignore_errors=True)


def _sphinx(sources: Path, output: Path, work: Path) -> None:
    doctrees, warnings = work / "doctrees", io.StringIO()
    shutil.rmtree(doctrees, ignore_errors=True)
    with patch_docutils(), docutils_namespace():
        site = Sphinx(
            sources,
            None,
            output,
            doctrees,
            "html",
            configuration(),
            status=None,
            warning=warnings,
            parallel=os.cpu_count() or 1,
        )
        site.build()
    if said := warnings.getvalue().strip().splitlines():
        for line in said[:_SHOWN]:
            click.echo(line[:_WIDTH], err=True)
        raise CookbookError(f"The site has faults. Sphinx names them in {len(said)} lines; the first ones are above.")
