"""What is looked at, and in which views."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistral_on_azure.catalog.notebooks import Kind, notebooks

ROOT = Path(__file__).resolve().parents[2]
# Notebooks in other languages write files beside them, and need programs; they are executed elsewhere.
SHOWN = notebooks(ROOT / "notebooks", Kind.GUIDE, Kind.CLIENT, Kind.RECIPE)
SOON = {"start-here", "openai-sdk"}  # each takes ten seconds
NAMES = [pytest.param(f"{name}.ipynb", marks=() if name in SOON else pytest.mark.all) for name in SHOWN]
ENGINES = "helpers/mistral_on_azure/endpoint/models/README.md"  # Start here links to it
PICTURES = ROOT / "build" / "lab" / "pictures"
VIEWS = {  # width of the window in pixels, the theme, and of how many windows pictures are kept: they take long
    "wide": (1440, "JupyterLab Light", 1),
    "narrow-dark": (800, "JupyterLab Dark", 2),
}
