"""Long documents: the corpus and its questions are whole, the vectors are of these passages, and the check refuses."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.catalog.script_format import compiled
from mistral_on_azure.catalog.sidecar import read_sidecar

FOLDER = Path(__file__).resolve().parents[3] / "notebooks" / "recipes"
_NOTEBOOK = json.loads((FOLDER / "long-documents.ipynb").read_text(encoding="utf-8"))
CELLS = {each["id"]: "".join(each["source"]) for each in _NOTEBOOK["cells"]}
QUESTIONS = json.loads((FOLDER / "licence-questions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def taught() -> dict[str, Any]:
    """The names that the recipe's cells define, without the search itself."""
    names: dict[str, Any] = {"Path": Path, "size": 150}
    before = Path.cwd()
    os.chdir(FOLDER)
    try:
        for cell in ("cut-1", "cut-3", "cut-4", "search-7", "check-1"):
            exec(CELLS[cell], names)
    finally:
        os.chdir(before)
    return names


def test_each_document_may_be_copied_and_no_word_of_it_is_lost(taught):
    for file in taught["files"]:
        text = (FOLDER / file).read_text(encoding="utf-8")
        assert "permitted to copy and distribute verbatim copies" in " ".join(text.split())
        passages = [text for licence, text in taught["passages"] if licence == file.stem]
        assert " ".join(passages).split() == text.split()


def test_each_proof_stands_in_a_passage_of_its_licence(taught):
    for each in QUESTIONS:
        found = [t for licence, t in taught["passages"] if licence == each["licence"] and each["evidence"] in t]
        assert found, each["question"]


def test_the_vectors_are_of_these_passages(taught):
    numpy = pytest.importorskip("numpy")
    stored = numpy.load(FOLDER / "licence-vectors.npz")
    assert str(stored["digest"]) == hashlib.sha256("\n".join(taught["texts"]).encode()).hexdigest()
    assert numpy.linalg.norm(stored["vectors"].astype(float), axis=1) == pytest.approx(1, abs=2e-3)


def test_the_corpus_fits_one_context_and_not_the_other(taught):
    tokens = taught["count"]("\n".join(f"[{number}] {text}" for number, text in enumerate(taught["texts"], start=1)))
    assert 32_768 < tokens < 65_536 - 400


def test_ranks_are_fused_by_hand(taught):
    # 7: 1/62 + 1/61; 5: 1/61 + 1/63; 9: 1/63 + nothing; 8: 1/62 + nothing
    assert taught["fuse"]([5, 7, 9], [7, 8, 5]) == [7, 5, 8, 9]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Yes.\n[1] May  charge a FEE.", "proved"),
        ("Yes.\n[1] may charge no fee", "passage 1 does not have these words"),
        ("Yes.\n[1] may charge a fee\n[1] may charge two fees", "passage 1 does not have these words"),
        ("Yes.\n[1] a fee", "passage 1 does not have these words"),
        ("Yes.\n[2] may charge a fee", "there is no passage 2"),
        ("Yes.\n[0] may charge a fee", "there is no passage 0"),
        ("Yes, see [1].", "no citation"),
    ],
)
def test_a_citation_is_checked(taught, answer, verdict):
    assert taught["check"](answer, ["You may charge a fee for it."]) == verdict


def test_the_script_quotes_only_what_was_shown(taught):
    """Without the passage that has the proof, each answer of the sidecar is that the passages do not say."""
    *quoting, last = read_sidecar(FOLDER / "long-documents.toml").exchange
    assert last.answers == ("The passages do not say.",)
    for exchange in quoting:
        pattern = compiled(exchange.pattern)
        (question,) = (each for each in QUESTIONS if exchange.pattern.rpartition("Question: ")[2] in each["question"])
        ending = f"\n\nQuestion: {question['question']}"
        proofs = [text for text in taught["texts"] if question["evidence"] in text]
        assert pattern.search("\n".join(f"[{n}] {text}" for n, text in enumerate(proofs)) + ending)
        rest = [text for text in taught["texts"] if text not in proofs]
        assert not pattern.search("\n".join(f"[{n}] {text}" for n, text in enumerate(rest)) + ending)
