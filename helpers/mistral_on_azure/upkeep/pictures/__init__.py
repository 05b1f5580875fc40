"""The pictures of README and pages, and the modules that draw them."""

from pathlib import Path

FOLDER = Path(__file__).parent
