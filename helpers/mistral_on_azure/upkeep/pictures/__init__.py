"""The pictures of README and pages, each drawn by a command from what the repository has or does."""

from pathlib import Path

FOLDER = Path(__file__).parent
