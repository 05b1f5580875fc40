"""VS Code opens a notebook as it is, with its kernel, and saves it without changing what nobody edited."""

from __future__ import annotations

import re

import nbformat


def test_the_format_is_4_5_and_valid(notebook):
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    nbformat.validate(notebook)


def test_cell_ids_are_unique_and_well_formed(notebook):
    """VS Code makes new ids for those that are not, which shows as a change of the whole file."""
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell_id) for cell_id in ids)


def test_kernel_and_language_are_named(notebook):
    kernel, language = notebook.metadata.kernelspec, notebook.metadata.language_info
    assert kernel.name == "python3" and kernel.display_name and kernel.language == "python"
    assert language.name == "python" and language.nbconvert_exporter == "python"
    assert "version" not in language  # VS Code writes the version that last ran: a change in every diff


def test_there_is_no_widget_state(notebook):
    assert "widgets" not in notebook.metadata


def test_cells_carry_tags_and_nothing_else(notebook):
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        tags = cell.metadata.get("tags", [])
        assert len(set(tags)) == len(tags) and all(re.fullmatch(r"[a-z-]+", tag) for tag in tags)


def test_it_is_written_as_vs_code_writes_it(path):
    """One space of indentation, characters as they are, a line break at the end."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith('{\n "cells": [') and text.endswith("}\n") and "\\u00" not in text
