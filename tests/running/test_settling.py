"""Kept outputs change when they say something new, and only then."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mistral_on_azure.running.saving import save


def notebook(path, text):
    shown = new_output("execute_result", {"text/plain": text, "text/html": f"<b>{text}</b>"}, execution_count=7)
    cell = new_code_cell("1 + 1", outputs=[shown], execution_count=7)
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


def kept(tmp_path, before, after):
    """What a notebook shows that showed one text, and then another when it was executed again."""
    path = notebook(tmp_path / "a.ipynb", before)
    save(notebook(tmp_path / "executed.ipynb", after), path)
    saved = nbformat.read(path, 4).cells[0]
    assert saved.execution_count == saved.outputs[0].execution_count == 1
    return saved.outputs[0].data["text/plain"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("chunks: 12; time to the first: 0.20 s", "chunks: 12; time to the first: 0.31 s"),
        ("further chunks: 77.8 a second", "further chunks: 80.1 a second"),
        ('"created":1795397991', '"created":1795397992'),
        ("e80b8b7bdfe23ea05e0d81ebccd3d8eb", "bfd1f2d1a2c07ceb7e6d0e8bfd3d4606"),
    ],
)
def test_times_and_ids_are_no_news(tmp_path, before, after):
    assert kept(tmp_path, before, after) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("chunks: 12; time to the first: 0.20 s", "chunks: 13; time to the first: 0.20 s"),
        ("user-agent: OpenAI/Python 2.54.0", "user-agent: OpenAI/Python 2.55.0"),
        ("19 prompt + 72 completion", "20 prompt + 72 completion"),
    ],
)
def test_all_else_is(tmp_path, before, after):
    assert kept(tmp_path, before, after) == after
