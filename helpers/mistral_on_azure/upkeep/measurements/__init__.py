"""Measurements that the repository keeps, and their pages: `make bench`, `make engines`, `make foreign`."""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
Results = dict[str, dict[str, Any]]
