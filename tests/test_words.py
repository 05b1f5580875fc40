"""Plain words, spelled right, and one word for one thing: in the notebooks, the Markdown files and the docstrings."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from spellchecker import SpellChecker

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "tests" / "words"
TERMS = tomllib.loads((WORDS / "terms.toml").read_text(encoding="utf-8"))
KNOWN = {line for line in (WORDS / "known.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"}
NO_PROSE = r"(?s)```.*?```|`[^`]*`|\]\([^)]*\)|https?://\S+|<[^>]+>"  # code, and where links lead


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    return [ROOT / line for line in done.stdout.splitlines()]


def prose(path: Path) -> Iterator[str]:
    """What a file says to people, without the code in it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, documented))
        parts = [ast.get_docstring(node) or "" for node in nodes]
    elif path.suffix == ".ipynb":
        parts = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    else:
        parts = [text]
    for part in parts:
        yield re.sub(NO_PROSE, " ", part)


def all_prose() -> Iterator[tuple[str, str]]:
    for path in tracked(
        "notebooks/*.ipynb", "helpers/**/*.py", "README.md", "helpers/mistral_on_azure/endpoint/models/README.md"
    ):
        for part in prose(path):
            yield path.relative_to(ROOT).as_posix(), part


def test_terms_are_the_ones_of_the_table():
    instead = {wrong: right for rows in TERMS.values() for right, rejected in rows.items() for wrong in rejected}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, instead))})(?![\w-])")
    used = [
        f"{name}: {wrong!r}; write {instead[wrong]!r}" for name, text in all_prose() for wrong in pattern.findall(text)
    ]
    assert not used, "\n".join(used)


def test_no_term_is_both_right_and_wrong():
    right = {term for rows in TERMS.values() for term in rows}
    assert not right & {wrong for rows in TERMS.values() for rejected in rows.values() for wrong in rejected}


def test_prose_is_spelled_right():
    """A word that is right and unknown belongs in words/known.txt. Names such as OpenAI and HTTP are not looked up."""
    places = {}
    for name, text in all_prose():
        for word in re.findall(r"[^\W\d_](?:[^\W\d_]|')*[^\W\d_]", text):
            places.setdefault(word.removesuffix("'s"), name)
    words = [word for word in places if word[1:].islower()]
    unknown = SpellChecker().unknown(words)
    wrong = [f"{places[word]}: {word}" for word in words if word.lower() in unknown - KNOWN]
    assert not wrong, "\n".join(wrong)


def test_code_and_comments_have_no_common_misspelling():
    codespell = Path(sys.executable).with_name("codespell")
    texts = tracked("*.py", "*.ipynb", "*.md", "*.toml", "*.yml", "Makefile")
    # The name of a header, beginnings of words in patterns and in a shortened message, a word of German, and a lesson.
    meant = ["--ignore-words-list", "te,hel,alle,temprature,aadd,complet,conten"]
    pictures = ["--ignore-regex", "base64,[A-Za-z0-9+/=]+"]  # a picture's letters may look like a word
    done = subprocess.run([codespell, *meant, *pictures, *texts], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
