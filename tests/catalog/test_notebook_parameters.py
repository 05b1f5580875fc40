"""Parameters of all types: as they are written, as a command line gives them, as programs assign them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.catalog.parameters import fits, parse, values
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running import plans

ROOT = Path(__file__).resolve().parents[2]

CELL = """
model: str = "m"  # which
stop: list[str] = []  # where to end
seed: int | None = None  # for the same answer
heat = 0.5  # without an annotation
retries = 3
names = ["a"]
mode: Literal["fast", "good"] = "fast"
system: Optional[str] = None
weights: dict[str, float] = {}
long: str = (
    "one "
    "two"
)  # over several lines
options = {
    "a": 1,  # an inner comment
}
limit: float = 2 * 30.0
anything: Path = None
flag: bool = False
nothing: tuple[()] = ()
given: int
print("no parameter")
"""
PARAMETERS = parse(CELL, "it.ipynb")


def test_each_is_found_with_its_type_and_default():
    assert {name: (each.type, each.default) for name, each in PARAMETERS.items()} == {
        "model": (str, "m"),
        "stop": (list[str], []),
        "seed": (int | None, None),
        "heat": (float, 0.5),
        "retries": (int, 3),
        "names": (list[str], ["a"]),
        "mode": (Literal["fast", "good"], "fast"),
        "system": (str | None, None),
        "weights": (dict[str, float], {}),
        "long": (str, "one two"),
        "options": (dict, {"a": 1}),
        "limit": (float, None),
        "anything": (Any, None),
        "flag": (bool, False),
        "nothing": (tuple[()], ()),
        "given": (int, None),
    }


def test_a_program_assigns_the_same_values():
    """Annotations go, comments behind a value stay, and values of several lines are whole."""
    program = "\n".join(each.assignment for name, each in PARAMETERS.items() if name != "anything")
    names: dict[str, Any] = {}
    exec(program, names)
    assert names["long"] == "one two" and names["options"] == {"a": 1} and names["limit"] == 60.0
    assert 'model = "m"  # which\nstop = []  # where to end\n' in program and "  # over several lines" in program


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "42", "42"),
        ("model", "", ""),
        ("stop", '["a", "b"]', ["a", "b"]),
        ("stop", "END", ["END"]),
        ("stop", "[]", []),
        ("seed", "7", 7),
        ("seed", "None", None),
        ("seed", "null", None),
        ("heat", "1", 1),
        ("heat", "1e-3", 0.001),
        ("retries", "5", 5),
        ("names", '["x"]', ["x"]),
        ("mode", "good", "good"),
        ("system", "none", None),
        ("system", "Be brief.", "Be brief."),
        ("system", "42", "42"),
        ("weights", '{"a": 1}', {"a": 1}),
        ("flag", "true", True),
        ("flag", "False", False),
        ("nothing", "()", ()),
        ("anything", "[1]", [1]),
        ("anything", "words", "words"),
        ("long", "x\ny", "x\ny"),
    ],
)
def test_values_of_the_command_line(name, text, value):
    found = values(PARAMETERS, {name: text}, "it.ipynb")[name]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("stop", "[1]", r"stop must be a list of text, not \[1\]"),
        ("seed", "many", "seed must be a whole number or None, not 'many'"),
        ("seed", "1.5", "seed must be a whole number or None, not '1.5'"),
        ("heat", "True", "heat must be a number, not True"),
        ("heat", "1e999", "heat must be a number, not inf"),
        ("retries", "2.0", "retries must be a whole number, not 2.0"),
        ("mode", "bad", "mode must be 'fast' or 'good', not 'bad'"),
        ("weights", '{"a": "b"}', "weights must be a dict of text, a number, not"),
        ("flag", "1", "flag must be True or False, not 1"),
        ("models", "x", "it.ipynb has no parameter 'models'. Did you mean 'model'?"),
        ("zzz", "x", "it.ipynb has no parameter 'zzz'. It has: model, stop"),
    ],
)
def test_mistakes_get_one_line(name, text, said):
    with pytest.raises(CookbookError, match=f"^(The parameter )?{said}") as raised:
        values(PARAMETERS, {name: text}, "it.ipynb")
    assert "\n" not in str(raised.value)


def test_a_cell_that_is_no_python():
    with pytest.raises(CookbookError, match=r"^it\.ipynb: line 2 of the parameters cell is not Python\.$"):
        parse("a = 1\nb =", "it.ipynb")


def test_a_notebook_without_parameters():
    with pytest.raises(CookbookError, match=r"has no parameter 'a'\. It has none\."):
        values({}, {"a": "1"}, "it.ipynb")


def test_the_patience_for_a_real_model_fits_each_notebook():
    for name, notebook in notebooks(ROOT / "notebooks").items():
        if timeout := notebook.parameters.get("timeout"):
            assert fits(timeout.type, plans._ENGINES_ANSWER), name
