"""`cookbook gallery`: collects the sources, and builds the site with Sphinx."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from html import unescape
from pathlib import Path

import click
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from mistral_on_azure.catalog.clients import FIRST, clients
from mistral_on_azure.catalog.notebooks import ENDING, Kind, Notebook, load, notebooks, tasks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.gallery.measured_pages import comparison_page, what_went_wrong_page
from mistral_on_azure.gallery.pages import (
    front_page,
    models_page,
    other_languages_page,
    page_name,
    task_page,
    task_pictures,
)
from mistral_on_azure.gallery.runs import runs
from mistral_on_azure.gallery.sphinx_extension import configuration
from mistral_on_azure.notebook.figures import THEMES, svg_in
from mistral_on_azure.snippets.starter import starters

_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
_PAGES = (ENDING, ".md")
_SHOWN = re.compile(r'<img (alt="[^"]*" width="\d+" style="[^"]*") src="data:image/png;base64,([^"]+)">')
_SITE = "objects.inv"  # a file that every site made by Sphinx has
_WARNINGS, _WIDTH = 20, 300  # lines of warnings, and characters of each


def mirror(root: Path, into: Path) -> list[str]:
    """Copy README.md, the notebooks, and all files that they link to, to the same paths below another folder.

    The notebooks' pictures become SVG files, one for the light and one for the dark theme.

    Args:
        root: the project's folder.
        into: where the site's sources are collected.

    Returns:
        The names of the pages among them, without their endings.
    """
    waiting = [root / "README.md", *(each.path for each in notebooks(root / "notebooks").values())]
    done = set()
    while waiting:
        path = waiting.pop()
        if path in done or not path.is_file() or root not in path.parents:
            continue
        done.add(path)
        copy = into / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ENDING:
            copy.write_text(in_both_themes(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(path, copy)
        if path.suffix in _PAGES:
            waiting += [(path.parent / link).resolve() for link in _LINK.findall(_markdown(path))]
    pages = (path.relative_to(root).with_suffix("") for path in done if path.suffix in _PAGES)
    return sorted(page.as_posix() for page in pages)


def _markdown(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in load(page).markdown)


def in_both_themes(notebook: str) -> str:
    """The JSON of a notebook, with each picture replaced by the SVG that it contains, once for each theme."""
    file = json.loads(notebook)
    for cell in file["cells"]:
        for output in cell.get("outputs", []):
            if html := "".join(output.get("data", {}).get("text/html", "")):
                output["data"]["text/html"] = _SHOWN.sub(_of_each_theme, html)
    return json.dumps(file, ensure_ascii=False)


def _of_each_theme(found: re.Match[str]) -> str:
    about, png = found[1], b64decode(found[2])
    drawn = {theme: svg for theme in THEMES if (svg := svg_in(png, theme))}
    return (
        "".join(
            f'<img class="only-{theme}" {about} src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'
            for theme, svg in drawn.items()
        )
        or found[0]
    )


def first_pictures(recipes: Iterable[Notebook], folder: Path) -> dict[str, dict[str, str]]:
    """Write the first picture of each recipe that has one into a folder, for each theme.

    Returns:
        The pictures' names and alternative texts, by the recipes' ids.
    """
    found: dict[str, dict[str, str]] = {}
    for recipe in recipes:
        outputs = (output.get("data", {}).get("text/html", "") for cell in recipe.code for output in cell.outputs)
        if shown := _SHOWN.search("".join(map("".join, outputs))):
            alt = unescape(shown[1].partition('alt="')[2].partition('"')[0])
            found[recipe.id] = {"name": f"first-{recipe.path.stem}", "alt": " ".join(alt.split())}
            for theme in THEMES:
                svg = svg_in(b64decode(shown[2]), theme) or ""
                (folder / f"{found[recipe.id]['name']}-{theme}.svg").write_text(svg, encoding="utf-8")
    return found


def collect(root: Path, work: Path) -> Path:
    """Write the site's sources.

    Args:
        root: the project's folder.
        work: a folder for intermediate files.

    Returns:
        The folder with the sources.
    """
    sources, folder = work / "sources", root / "notebooks"
    programs = starters(folder, only=clients())
    ran = runs(programs, work / "runs.json")
    shutil.rmtree(sources, ignore_errors=True)
    mirrored, known, wanted = mirror(root, sources), notebooks(folder), tasks(folder)
    pictures = task_pictures(ran[FIRST], sources / "charts")
    pages = {page_name(task): task_page(known, task, programs, ran, pictures.get(task)) for task in wanted}
    shown = first_pictures(notebooks(folder, Kind.RECIPE).values(), sources / "charts")
    pages["index"] = front_page(known, wanted, programs, mirrored, shown)
    pages["comparison"] = comparison_page(programs, ran, sources / "charts")
    pages["beyond-python"] = other_languages_page(known)
    pages["models"] = models_page(sources / "charts")
    pages["what-went-wrong"] = what_went_wrong_page()
    for name, text in pages.items():
        path = sources / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sources


def work_folder(output: Path) -> Path:
    """The folder for intermediate files, beside the site."""
    return output.with_name(f"{output.name}-work")


def build(root: Path, output: Path) -> Path:
    """Build the site.

    Args:
        root: the project's folder.
        output: the folder of the site; an older site in it is replaced.

    Returns:
        The page to open.

    Raises:
        CookbookError: when Sphinx gives a warning, or the folder holds anything but a site.
    """
    if output.exists() and any(output.iterdir()) and not (output / _SITE).exists():
        raise CookbookError(f"{output} holds something that is no gallery. Choose another --output, or empty it.")
    work, began = work_folder(output), time.monotonic()
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CookbookError(f"{output} cannot be written ({error.strerror}). Choose another --output.") from None
    click.echo("Running the programs of all tasks and clients, unless nothing changed since the last time")
    sources = collect(root, work)
    click.echo(f"Building the site ({time.monotonic() - began:.0f} s so far)")
    site = render(sources, work)
    shutil.rmtree(output, ignore_errors=True)
    site.replace(output)
    click.echo(f"Built in {time.monotonic() - began:.0f} s. Open {output / 'index.html'}")
    return output / "index.html"


def render(sources: Path, work: Path) -> Path:
    """Build a site from its sources with Sphinx.

    Returns:
        The folder of the site, in the work folder.

    Raises:
        CookbookError: when Sphinx gives a warning.
    """
    site, doctrees, warnings = work / "site", work / "doctrees", io.StringIO()
    for left in (site, doctrees):
        shutil.rmtree(left, ignore_errors=True)
    with patch_docutils(), docutils_namespace():
        Sphinx(
            sources,
            None,
            site,
            doctrees,
            "html",
            configuration(),
            status=None,
            warning=warnings,
            parallel=os.cpu_count() or 1,
        ).build()
    if lines := warnings.getvalue().strip().splitlines():
        for line in lines[:_WARNINGS]:
            click.echo(line[:_WIDTH], err=True)
        raise CookbookError(f"Sphinx gave warnings, in {len(lines)} lines; the first ones are above.")
    return site
