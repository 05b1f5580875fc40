"""The pictures of notebooks in the gallery: an SVG for each theme, from the drawing that each PNG carries along."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure
from PIL import Image

from mistral_on_azure import colours, show_figure
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.gallery.build import in_both_themes, mirror
from mistral_on_azure.notebook.figures import PAGES, THEMES, svg_in

ROOT = Path(__file__).resolve().parents[2]
STYLE_SHEET = ROOT / "helpers" / "mistral_on_azure" / "gallery" / "assets" / "gallery.css"
ALL = notebooks(ROOT / "notebooks")
PNG = re.compile(r'<img alt="([^"]+)"[^>]* src="data:image/png;base64,')
SVG = re.compile(r'<img class="only-(light|dark)" alt="([^"]+)"[^>]* src="data:image/svg\+xml;base64,([^"]+)">')
DRAWN = {  # pictures that tell a lesson, and how their alternative texts begin
    "recipes/chat-with-memory": "Tokens of each prompt, where 180 are allowed",
    "recipes/errors": "What each client does by itself when a fault does not go away. 429",
    "recipes/before-you-deploy": "Bars of GPU memory, with the weights' share filled",
}


def _html(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def _notebook(html: str) -> str:
    output = {"output_type": "display_data", "data": {"text/html": [html], "text/plain": "words"}, "metadata": {}}
    return json.dumps({"cells": [{"cell_type": "code", "source": "", "outputs": [output]}]})


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory) -> Path:
    """The site's sources, as far as they are copies."""
    folder = tmp_path_factory.mktemp("sources")
    mirror(ROOT, folder)
    return folder / "notebooks"


@pytest.mark.parametrize("name", ALL)
def test_each_picture_of_a_notebook_is_there_in_both_themes_with_its_words(name, mirrored):
    before, after = _html(ALL[name].path), _html(mirrored / f"{name}.ipynb")
    shown = Counter((theme, alt) for theme, alt, _ in SVG.findall(after))
    assert shown == Counter((theme, alt) for theme in THEMES for alt in PNG.findall(before))
    assert not PNG.findall(after)


@pytest.mark.parametrize("name", ALL)
def test_a_picture_has_the_colours_of_its_theme_and_no_others(name, mirrored):
    for theme, alt, drawn in SVG.findall(_html(mirrored / f"{name}.ipynb")):
        svg = b64decode(drawn).decode()
        assert ElementTree.fromstring(svg).get("fill") == THEMES[theme].ink
        found = set(re.findall(r'(?<=: |=")#[0-9a-fA-F]{3,8}(?=[;"])', svg))
        assert found <= {*THEMES[theme], PAGES[theme]}, alt


@pytest.mark.parametrize(("name", "alt"), DRAWN.items())
def test_these_pictures_are_among_them(name, alt, mirrored):
    found = [words for _, words, _ in SVG.findall(_html(mirrored / f"{name}.ipynb"))]
    assert sum(words.replace("&#x27;", "'").startswith(alt) for words in found) == len(THEMES)


def test_words_marks_and_hatches_turn_with_the_page():
    figure = Figure()
    axes = figure.add_subplot(title="  black words")
    axes.plot([1, 2], "o", color=colours.strong, mfc=colours.ground)
    axes.bar([1], [1], color=colours.sand, hatch="//", edgecolor=colours.ink)
    svg = svg_in(show_figure(figure, "A line and a bar with a hatch.").png, "dark")
    dark = THEMES["dark"]
    assert all(each in svg for each in (dark.ink, dark.strong, dark.sand, PAGES["dark"], ">  black words<"))
    assert f'<svg fill="{dark.ink}" ' in svg and '<style type="text/css">text{white-space: pre} *{' in svg


def test_hollow_marks_have_the_ground_of_the_page():
    assert f"--pst-color-background: {PAGES['dark']};" in STYLE_SHEET.read_text(encoding="utf-8")


def test_a_picture_without_a_drawing_stays_as_it_is():
    plain = io.BytesIO()
    Image.new("RGB", (2, 2)).save(plain, "png")
    shown = show_figure(Figure(), "A figure that has nothing in it.")
    bare = type(shown)(shown.alt, shown.width, plain.getvalue())._repr_html_()
    kept = json.loads(in_both_themes(_notebook(bare)))["cells"][0]["outputs"][0]["data"]
    assert "".join(kept["text/html"]) == bare and kept["text/plain"] == "words"
