"""Measurements that the repository keeps, with the pages made from them: `make bench`, `make engines`."""

from pathlib import Path

FOLDER = Path(__file__).parent
