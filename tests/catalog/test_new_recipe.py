"""A recipe of six cells, begun in a copy of the project: everything knows it, and no other file is touched."""

from __future__ import annotations

import json
import shutil

import pytest

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.clients import clients

PROMPT = "Say hello to the readers of hello."
BROKEN = """
from pathlib import Path
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.catalog.rules import broken
every = notebooks(Path("notebooks"))
print(*broken(every["recipes/hello"], every), sep="\\n")
"""
GALLERY = """
from pathlib import Path
from mistral_on_azure.gallery.build import mirror
print(*mirror(Path.cwd(), Path("build/mirror")), sep="\\n")
"""
LAB = "import sys; sys.path.insert(0, 'tests/lab'); from views import NAMES; print(NAMES)"


@pytest.fixture(scope="module")
def begun(copy):
    """The copy with the recipe, made as `make recipe NAME=hello` makes it; and the names of the files that changed."""
    for ending in ("ipynb", "toml"):  # of a reader who followed CONTRIBUTING.md
        (copy.root / f"notebooks/recipes/hello.{ending}").unlink(missing_ok=True)
    copy.cookbook("tables")
    before = copy.files()
    copy.cookbook("recipe", "hello")
    printed = copy.cookbook("run", "--save", "recipes/hello")
    copy.cookbook("tables")
    after = copy.files()
    assert "1 of 1 passed" in printed
    return copy, {name for name in after if after[name] != before.get(name)}


def test_it_has_six_cells_and_touches_nothing_else(begun):
    copy, changed = begun
    pages = {"README.md", "notebooks/README.md"}
    assert changed == {*pages, "notebooks/recipes/hello.ipynb", "notebooks/recipes/hello.toml"}
    assert len(json.loads((copy.root / "notebooks/recipes/hello.ipynb").read_text())["cells"]) == 6


def test_it_obeys_the_rules_of_recipes_until_one_is_broken(begun, tmp_path):
    copy, _ = begun
    assert copy.python("-c", BROKEN).strip() == ""
    path = copy.root / "notebooks/recipes/hello.ipynb"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace("## What you can do now", "## The end"), encoding="utf-8")
    try:
        assert "its last section must be 'What you can do now'" in copy.python("-c", BROKEN)
    finally:
        path.write_text(whole, encoding="utf-8")


def test_a_path_and_a_parameter_of_its_own(begun):
    copy, _ = begun
    copy.cookbook("run", "notebooks/recipes/hello.ipynb", "-p", "prompt", "Say nothing.")
    executed = copy.root / "build/run" / default_name() / "recipes/hello.ipynb"
    text = executed.read_text(encoding="utf-8")
    assert "Say nothing." in text and "I only know the prompts of the notebooks" in text
    (job,) = json.loads((copy.root / "build/run/results.json").read_text(encoding="utf-8"))["jobs"]
    assert (job["notebook"], job["output"]) == ("recipes/hello", f"{default_name()}/recipes/hello.ipynb")


def test_its_answer_is_its_own_and_nbval_verifies_it(begun):
    copy, _ = begun
    assert "Hello! What would you like to know?" in (copy.root / "notebooks/recipes/hello.ipynb").read_text()
    printed = copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "notebooks/recipes/hello.ipynb")
    assert "3 passed" in printed


def test_nbval_takes_what_needs_nothing_but_python(begun):
    copy, _ = begun
    hidden = copy.root / "notebooks" / "._openai-sdk.ipynb"
    hidden.write_bytes(b"\0\5\26\7")
    try:
        printed = copy.python("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "notebooks")
    finally:
        hidden.unlink()
    collected = {line.partition("::")[0] for line in printed.splitlines() if "::" in line}
    others = {f"notebooks/{name}.ipynb" for name in ("start-here", "your-endpoint", *clients(), "recipes/hello")}
    assert others <= collected
    assert all(name in others or name.startswith("notebooks/recipes/") for name in collected)


def test_it_is_linked_and_has_a_page(begun):
    copy, _ = begun
    about = "Ask a Mistral deployment one question, and print its answer."
    sections = "<details><summary>Sections</summary>[Ask](recipes/hello.ipynb#Ask)</details>"
    line = f"| [Hello](recipes/hello.ipynb) | {about}{sections} |"
    assert line in (copy.root / "notebooks/README.md").read_text(encoding="utf-8")
    readme = (copy.root / "README.md").read_text(encoding="utf-8")
    assert "*More*:\n[Hello](notebooks/recipes/hello.ipynb)\n" in readme and len(readme.encode()) < 6_000
    assert "notebooks/recipes/hello" in copy.python("-c", GALLERY).splitlines()


def test_jupyterlabs_test_executes_it(begun, root):
    copy, _ = begun
    (copy.root / "tests/lab").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / "tests/lab/views.py", copy.root / "tests/lab/views.py")
    assert "'recipes/hello.ipynb'" in copy.python("-c", LAB)


def test_its_section_is_a_program(begun):
    copy, _ = begun
    program = copy.cookbook("snippet", "ask", "recipes/hello")
    assert program.startswith("# Hello: Ask\n# Install: pip install openai\n") and PROMPT in program
    compile(program, "hello.py", "exec")
