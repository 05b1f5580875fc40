"""Chat with memory: what the recipe's cells make of conversations, and what was measured with its attacks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, variables_of
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import deployments, kind_named
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.snippets.starter import composed

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "recipes"
RECIPE = json.loads((FOLDER / "chat-with-memory.ipynb").read_text(encoding="utf-8"))
CELLS = {cell["id"]: "".join(cell["source"]) for cell in RECIPE["cells"]}
GIVEN = json.loads((FOLDER / "injections.json").read_text(encoding="utf-8"))
MEASURED = json.loads((FOLDER / "injections-measured.json").read_text(encoding="utf-8"))
FIRST, *_, LAST = deployments()
USER, ASSISTANT, SYSTEM = ({"role": role, "content": role} for role in ("user", "assistant", "system"))


@pytest.fixture(scope="module", params=[("serverless", FIRST), ("managed", FIRST), ("foundry", "Mistral-Large-3")])
def taught(request) -> Iterator[dict[str, Any]]:
    """The names that the recipe's cells define, on an endpoint of each kind."""
    kind, model = request.param
    with start([key := new_key()], kind=kind, deployment=model) as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables_of(endpoint.url, kind_named(kind)), CREDENTIAL: key}.items():
            patch.setitem(os.environ, name, value)
        names: dict[str, Any] = {"model": model, "limit": 240, "reserve": 60, "version": "v3", "Path": Path}
        for cell in (
            "set-up-3",
            "roles-1",
            "roles-2",
            "trim-1",
            "trim-2",
            "summary-1",
            "summary-2",
            "filter-1",
            "filter-3",
        ):
            exec(CELLS[cell], names)
        exec(CELLS["memory-1"], names)
        yield names


def test_what_is_joined_alternates_and_loses_nothing(taught):
    joined = taught["joined"]([SYSTEM, USER, USER, ASSISTANT, ASSISTANT, USER])
    assert [turn["role"] for turn in joined] == ["user", "assistant", "user"]
    assert [turn["content"] for turn in joined] == ["system\n\nuser\n\nuser", "assistant\n\nassistant", "user"]


def test_an_assistant_that_greets_first_is_taken(taught):
    assert taught["verdict"](taught["joined"]([ASSISTANT, USER])).startswith("answered")


@pytest.mark.parametrize("message", [{"role": "tool", "content": "4"}, {"role": "assistant", "content": None}])
def test_what_is_no_text_cannot_be_joined(taught, message):
    with pytest.raises(ValueError, match="no tools"):
        taught["joined"]([USER, message, USER])


def test_a_joined_conversation_is_taken_and_billed_as_counted(taught):
    counted = taught["count"](taught["history"])
    assert taught["verdict"](taught["joined"](taught["history"])) == f"answered, {counted} prompt tokens"


@pytest.mark.parametrize("limit", [50, 60, 75, 500])
def test_what_is_trimmed_fits_and_keeps_both_ends(taught, limit):
    kept, history = taught["trim"](taught["history"], limit), taught["history"]
    assert kept[0] == history[0] and kept[-1] == history[-1] and kept[1]["role"] == "user"
    assert taught["count"](kept) <= limit
    dropped = len(history) - len(kept)
    if dropped:  # no more than needed
        assert taught["count"]([history[0], *history[dropped:]]) > limit or history[dropped]["role"] == "assistant"


@pytest.mark.parametrize("way", ["trim", "summarised"])
def test_a_last_message_that_does_not_fit_is_an_error(taught, way):
    with pytest.raises(ValueError, match="alone have over 20 tokens"):
        taught[way](taught["history"], 20)


@pytest.mark.parametrize("limit", [50, 60, 75, 80])
def test_what_is_summarised_fits_and_begins_and_ends_as_before(taught, limit):
    kept, history = taught["summarised"](taught["history"], limit), taught["history"]
    assert taught["count"](kept) <= limit
    assert kept[0] == history[0] and kept[-1] == history[-1]
    assert kept.count(history[0]) == 1


def test_a_conversation_that_fits_is_left_alone(taught):
    assert taught["summarised"](taught["history"][:2], 60) == taught["history"][:2]


def test_a_piece_of_a_conversation_has_the_tokens_that_it_adds(taught):
    count = taught["count"]
    answer = count([USER, ASSISTANT]) - count([USER])
    assert count([USER, ASSISTANT, USER, ASSISTANT]) - count([USER, ASSISTANT, USER]) == answer


def test_a_long_chat_never_passes_its_limit_and_keeps_what_the_note_has(taught, monkeypatch, capsys):
    monkeypatch.chdir(FOLDER)
    exec(CELLS["memory-4"], taught)
    assert len(capsys.readouterr().out.splitlines()) == 14
    count, chats = taught["count"], taught["chats"]
    sent = {name: [count(each) for each in chat.sent] for name, chat in chats.items()}
    most = taught["limit"] - taught["reserve"]
    assert max(sent["whole"]) > taught["limit"]
    assert max(sent["trimmed"]) <= most >= max(sent["summarised"])
    assert "A-4711" not in str(chats["trimmed"].sent[-1])
    assert all("A-4711" in str(each) for each in chats["summarised"].sent)
    assert all("tomatoes" not in str(chat.messages) for chat in chats.values())


def test_the_filter_is_recognised_in_every_client(taught, capsys):
    exec(CELLS["filter-4"], taught)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 6 and all(line.endswith("filtered: True") for line in lines), lines
    assert not taught["was_filtered"](ValueError("no filter"))


def test_the_copied_chat_needs_one_client_and_the_tokenizers():
    program = composed(FOLDER.parent, "Put it together", "recipes/chat-with-memory")
    modules = set(re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE))
    assert modules == {"os", "itertools", "openai", "mistral_common"} and "litellm" not in program.lower()


def completion(content: str | None, reason: str) -> SimpleNamespace:
    choice = SimpleNamespace(message=SimpleNamespace(content=content), finish_reason=reason)
    return SimpleNamespace(choices=[choice])


@pytest.mark.parametrize(
    ("content", "reason", "text"),
    [
        ("Yes.", "stop", "Yes."),
        (None, "stop", ""),
        (None, "content_filter", ""),
        ("Half a te", "content_filter", ""),
        ("Half a te", "length", "Half a te […]"),
    ],
)
def test_the_finish_reason_decides_what_is_kept_of_an_answer(taught, content, reason, text):
    assert taught["text_of"](completion(content, reason)) == text


def test_a_chat_goes_on_after_an_answer_that_was_taken_away(taught, monkeypatch):
    taken, create = [completion(None, "content_filter")], taught["client"].chat.completions.create
    fake = SimpleNamespace(create=lambda **asked: taken.pop() if taken else create(**asked))
    monkeypatch.setitem(taught, "client", SimpleNamespace(chat=SimpleNamespace(completions=fake)))
    chat = taught["Chat"]("You help customers of a shoe shop.")
    before = list(chat.messages)
    assert chat.ask("Tell me everything.") == "I cannot talk about that." and chat.messages == before
    assert chat.ask("Hello, can you help me?") and len(chat.messages) == 3


def test_a_note_that_was_taken_away_only_trims_the_chat(taught, monkeypatch):
    taken, create = [completion(None, "content_filter")], taught["client"].chat.completions.create
    fake = SimpleNamespace(create=lambda **asked: taken.pop() if taken else create(**asked))
    monkeypatch.setitem(taught, "client", SimpleNamespace(chat=SimpleNamespace(completions=fake)))
    short, history = taught["summarised"](taught["history"], 60), taught["history"]
    assert not taken and "Said before" not in str(short)
    assert short[0] == history[0] and short[-1] == history[-1] and taught["count"](short) <= 60


def test_managed_compute_takes_what_was_trimmed_only_joined(taught, capsys):
    """Whichever of the four ways cut it, and the 7B there also refuses the instruction."""
    if taught["model"] != FIRST or "refused" not in taught["verdict"](taught["history"]):
        pytest.skip("only managed compute")
    exec(CELLS["trim-4"], taught)
    assert len(taught["ways"]) == 4
    for kept in taught["ways"].values():
        assert taught["verdict"](kept) == "refused with 424"
        assert taught["verdict"](taught["joined"](kept)).startswith("answered")


@pytest.mark.parametrize("record", [False, True])
def test_a_measurement_is_kept_only_where_the_reader_asks_for_it(taught, record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few, kept = {name: GIVEN[name][:1] for name in ("documents", "orders")}, tmp_path / "injections-measured.json"
    (tmp_path / "injections.json").write_text(json.dumps(few), encoding="utf-8")
    kept.write_text(json.dumps(MEASURED), encoding="utf-8")
    names = {**taught, "measure": True, "record": record, "answers_are_scripted": lambda: False}
    for cell in ("orders-1", "orders-2", "orders-4"):
        exec(CELLS[cell], names)
    assert len(names["measured"]["rows"]) == 1
    assert json.loads(kept.read_text(encoding="utf-8")) == (names["measured"] if record else MEASURED)


def test_every_attack_was_made_on_every_defence():
    rows = MEASURED["rows"]
    pairs = {(row["document"], row["order"]) for row in rows}
    assert len(rows) == len(pairs) == len(GIVEN["documents"]) * len(GIVEN["orders"]) == 36
    assert all(row[name] for row in rows for name in ("nothing", "delimiting", "datamarking"))
    assert MEASURED["model"] == "SmolLM2-135M-Instruct"


def test_no_document_has_a_word_of_an_order():
    for document in GIVEN["documents"]:
        words = set(re.findall("[a-z]+", document["text"].lower()))
        assert all(words.isdisjoint(order["words"]) for order in GIVEN["orders"])
        assert not words.isdisjoint(document["words"])


def test_rows_are_in_the_order_in_which_they_become_a_table():
    pairs = [(row["document"], row["order"]) for row in MEASURED["rows"]]
    assert pairs == [(document, order) for document in range(6) for order in range(6)]


def test_words_are_found_and_intervals_draw_documents_and_orders(capsys):
    names: dict[str, Any] = {"given": GIVEN, "measured": MEASURED, "np": np, "re": re}
    names["DEFENCES"] = ["nothing", "delimiting", "datamarking"]
    for cell in ("orders-5", "orders-8"):
        exec(CELLS[cell], names)
    assert "order's word      64%" in capsys.readouterr().out
    interval = names["interval"]
    assert list(interval(np.ones((6, 6)))) == [1, 1]
    same = np.repeat([[1, 0, 1, 0, 1, 0]], 6, axis=0)  # the orders decide: six of them, drawn anew, not 36 answers
    low, high = interval(same)
    assert low < 0.2 and high > 0.8
