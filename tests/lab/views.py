"""What is looked at, and in which views."""

from __future__ import annotations

from pathlib import Path

from mistral_on_azure.catalog.notebooks import Kind, notebooks

ROOT = Path(__file__).resolve().parents[2]
# Notebooks in other languages write files beside them, and need programs; they are executed elsewhere.
NAMES = [f"{name}.ipynb" for name in notebooks(ROOT / "notebooks", Kind.GUIDE, Kind.CLIENT, Kind.RECIPE)]
PICTURES = ROOT / "build" / "lab" / "pictures"
VIEWS = {  # width of the window in pixels, the theme, and of how many windows pictures are kept: they take long
    "wide": (1440, "JupyterLab Light", 1),
    "narrow-dark": (800, "JupyterLab Dark", 2),
}
