"""The evaluation set is what CLDR says, the kept answers are to it, and the recipe's judge and gate work."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from importlib.metadata import version

import pytest

from mistral_on_azure import CookbookError, kept, recipe_programs
from mistral_on_azure.azure.files import read_json, write_json
from mistral_on_azure.notebook import kept_measurements
from mistral_on_azure.upkeep import embedded_measurements
from mistral_on_azure.upkeep.embedded_measurements import LANGUAGES, evaluation_set

SET = kept("written dates")
SCORES = kept("scores")


def test_the_set_is_made_by_its_command():
    if f"Babel {version('babel')} " not in SET["source"]:
        pytest.skip("another Babel has another edition of CLDR: make the set again")
    assert evaluation_set() == SET


def test_the_set_is_large_and_each_truth_is_a_day():
    items = SET["items"]
    assert len(items) == 240 and len({each["written"] for each in items}) == 240
    assert {each["id"][:2] for each in items} == set(LANGUAGES) and len(LANGUAGES) == 24
    assert all(date.fromisoformat(each["date"]).isoformat() == each["date"] for each in items)
    assert SET["licence"] == "Unicode-3.0" and "UNICODE LICENSE V3" in SET["notice"]


def test_the_kept_answers_are_a_real_models_to_questions_of_the_set():
    known = [each["id"] for each in SET["items"]]
    first, *others = SCORES["answers"].values()
    assert SCORES["model"] == "SmolLM2-135M-Instruct" and date.fromisoformat(SCORES["date"])
    assert len(SCORES["answers"]) == 3 and all(set(each) == set(first) for each in others)
    assert set(first) <= set(known) and len(first) >= 180
    for said in SCORES["answers"].values():
        for text, prompt, completion, seconds in said.values():
            assert isinstance(text, str) and prompt > 40 and 0 < completion <= 16 and seconds > 0


def test_what_is_kept_is_laid_out_as_the_commands_write_it(tmp_path):
    for file in kept_measurements.FILES.values():
        write_json(tmp_path / file.name, read_json(file))
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_nothing_else_is_kept():
    names = "batch, clients, faults, next token, quota, scores, written dates"
    with pytest.raises(CookbookError, match=f"Choose one of: {names}"):
        kept("prices")


@pytest.fixture
def written(tmp_path):
    """The recipe's programs in a folder, and the files that the gate compares."""
    for name, text in recipe_programs(embedded_measurements.RECIPE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    right = {each["id"]: [each["date"], 60, 10, 1.0] for each in SET["items"]}
    worse = right | {each["id"]: ["no idea", 60, 10, 1.0] for each in SET["items"][::8]}
    for name, content in {"questions": SET["items"], "right": right, "worse": worse}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "allowed", "status"),
    [
        ("right", "right", 0.05, 0),
        ("right", "worse", 0.05, 1),
        ("right", "worse", 0.5, 0),
        ("worse", "right", 0.05, 0),
    ],
)
def test_the_gate_fails_on_a_loss_that_is_not_allowed_and_on_nothing_else(written, before, after, allowed, status):
    command = [sys.executable, "gate.py", "questions.json", f"{before}.json", f"{after}.json", str(allowed)]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    assert "at worst" in done.stdout and not done.stderr


def test_the_gate_does_not_pass_after_a_handful_of_questions(written):
    """Eight questions without a loss say little about a loss of five points."""
    (written / "questions.json").write_text(json.dumps(SET["items"][:8]), encoding="utf-8")
    command = [sys.executable, "gate.py", "questions.json", "right.json", "right.json", "0.05"]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "changed by +0.0%, at worst -37.5%" in done.stdout


@pytest.mark.parametrize("allowed", ["5", "1", "-0.05", "nan", "inf"])
def test_the_gate_takes_no_allowance_that_lets_everything_pass(written, allowed):
    command = [sys.executable, "gate.py", "questions.json", "right.json", "right.json", allowed]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == "The allowed loss is a share, from 0 to less than 1: 0.05 are five points.\n"


def test_the_judge_knows_a_right_answer(written):
    ask = "from dates import verdict as v; print(*(v(each, '2006-01-10') for each in ('2006-01-10', '2006-10-01', '')))"
    done = subprocess.run([sys.executable, "-c", ask], cwd=written, capture_output=True, text=True, timeout=60)
    assert done.stdout == "right wrong date no date\n"


def test_no_example_of_the_prompt_is_a_question(written):
    ask = "import dates, json; print(json.dumps([text for text, _ in dates.SOLVED]))"
    done = subprocess.run([sys.executable, "-c", ask], cwd=written, capture_output=True, text=True, timeout=60)
    assert not set(json.loads(done.stdout)) & {each["written"] for each in SET["items"]}
