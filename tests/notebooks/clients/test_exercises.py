"""The exercises: open when the notebook is opened, and solved by the solution that is folded up below them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exercises import OPEN, exercises
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.snippets.starter import formatted, read, snippets

CLIENTS = names()

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
CONNECT = "from mistral_on_azure import connect\n\nconnect(endpoint, model)"  # for checks that make the endpoint fail
NEEDED = ["Connect with a key", "Send a system message", "Stream the answer", "Handle errors and retries"]


@pytest.mark.parametrize("client", CLIENTS)
def test_each_has_a_place_a_check_and_a_solution(client):
    found = exercises(read(NOTEBOOKS, client))
    assert 2 <= len(found) <= 3
    for exercise in found:
        assert len(exercise.place.splitlines()) == 1 and exercise.check
        assert exercise.printed == OPEN
        assert exercise.solution and formatted(exercise.solution) == exercise.solution
        assert len(exercise.solution.splitlines()) <= 20
    lengths = [len(exercise.solution) for exercise in found]
    assert lengths[0] == min(lengths)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_solutions_pass_the_checks(client, forks, local, tmp_path):
    """After the cells that the exercises refer to."""
    notebook = read(NOTEBOOKS, client)
    found = exercises(notebook)
    taught = [cell.source for section in NEEDED for cell in snippets(notebook, section)]
    solved = [part for exercise in found for part in (exercise.place, exercise.solution, exercise.check)]
    program = tmp_path / "solved.py"
    parts = [notebook.parameters_source, CONNECT, *taught, 'print("Now:")', *solved]
    program.write_text("\n\n".join(parts), encoding="utf-8")
    done = forks.run(client, program, dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert done.stdout.partition("Now:\n")[2] == "Solved.\n" * len(found)
