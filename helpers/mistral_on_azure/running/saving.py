"""Saves the outputs of a run into a notebook, without the run's times, paths and ids."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from mistral_on_azure.errors import CookbookError

_IGNORED = Path(__file__).with_name("varying_outputs.cfg")
_NEWS = "client versions"  # a section of the file that only tests use: readers need the new versions


def settled(value: Any) -> Any:
    """An output, or a part of one, with a placeholder for each time, id and other value that varies."""
    if isinstance(value, str):
        for pattern, word in _patterns():
            value = pattern.sub(word, value)
        return value
    if isinstance(value, dict):
        return {name: settled(part) for name, part in value.items() if name != "execution_count"}
    return [settled(part) for part in value] if isinstance(value, list) else value


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = RawConfigParser()
    table.read(_IGNORED, encoding="utf-8")
    rows = (table[name] for name in table.sections() if name != _NEWS)
    return tuple((re.compile(row["regex"]), row["replace"]) for row in rows)


KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",  # without it, `nbconvert --to script` leaves magics as they are
    "pygments_lexer": "ipython3",
}


def save(executed: Path, notebook: Path) -> None:
    """Write an executed notebook's outputs into the notebook that was executed.

    Papermill's injected cell, times and paths are left out. Sources do not change, nor do outputs in which only a time
    or an id is new.

    Raises:
        CookbookError: when the notebook's sources have changed since it was executed.
    """
    read = nbformat.read(executed, 4).cells
    cells = [cell for cell in read if "injected-parameters" not in (cell.metadata.get("tags") or ())]
    kept = nbformat.read(notebook, 4)
    if [cell.source for cell in cells] != [cell.source for cell in kept.cells]:
        raise CookbookError(f"{notebook.name} was changed while it ran; its outputs are not kept. Run it again.")
    counter = 0
    for cell, source in zip(cells, kept.cells, strict=True):
        if source.cell_type != "code":
            continue
        counter += 1
        if settled(source.outputs) != settled(cell.outputs):  # otherwise only times and ids are new
            source.outputs = cell.outputs
        source.execution_count = counter
        for output in source.outputs:
            if "execution_count" in output:
                output.execution_count = counter
        source.metadata = {key: value for key, value in source.metadata.items() if key == "tags"}
    tags = {name: value for name, value in kept.metadata.items() if name == "tags"}
    kept.metadata = {**tags, "kernelspec": KERNEL, "language_info": _LANGUAGE}
    nbformat.write(kept, notebook)
