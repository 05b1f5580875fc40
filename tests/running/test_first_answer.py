"""The answer that a run ends by showing is one that its notebook received."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.results import Result, Status, first_answer

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "openai-sdk.ipynb"


@pytest.fixture
def result(tmp_path) -> Result:
    output = tmp_path / "openai-sdk.ipynb"
    output.write_bytes(NOTEBOOK.read_bytes())
    return Result(Job(NOTEBOOK, "deployment", output, id="openai-sdk"), Status.PASSED)


def test_question_and_answer(result):
    shown = first_answer([result])
    assert shown.startswith(
        "\nFrom openai-sdk, Complete a chat:\n  > How many languages are in the world?\n  As of now,"
    )
    assert all(len(line) <= 102 for line in shown.splitlines())


def test_the_answer_is_that_of_this_run(result):
    document = json.loads(result.job.output.read_text(encoding="utf-8"))
    for cell in document["cells"]:
        if cell["id"] == "complete-a-chat-1":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["Quite a few.\n", "Model: x\n"]}]
    result.job.output.write_text(json.dumps(document), encoding="utf-8")
    assert "  Quite a few.\n" in first_answer([result]) and "Model" not in first_answer([result])


def test_it_is_no_raw_answer_and_no_refusal(result):
    """Raw requests print the JSON of an answer first, and some deployments refuse the system message."""
    document = json.loads(result.job.output.read_text(encoding="utf-8"))
    raw = {"output_type": "stream", "name": "stdout", "text": ['{"error": {"message": "no"}}\n']}
    said = {"output_type": "stream", "name": "stdout"}
    for cell in document["cells"]:
        if cell["id"] == "complete-a-chat-1":
            cell["outputs"] = [raw, said | {"text": ["Refused with a system message: 424\n", "Some.\nModel: x\n"]}]
    result.job.output.write_text(json.dumps(document), encoding="utf-8")
    assert first_answer([result]).endswith("languages are in the world?\n  Some.\n")


def test_nothing_is_shown_of_what_did_not_run_now(result, tmp_path):
    result.resumed = True
    assert first_answer([result]) == ""
    result.resumed, result.status = False, Status.FAILED
    assert first_answer([result]) == ""
    result.status = Status.PASSED
    result.job.output.write_text("{", encoding="utf-8")
    assert first_answer([result]) == ""
