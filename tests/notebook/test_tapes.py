"""A program's calls go onto a tape and come back from it: without an endpoint, without the key, and to the letter."""

from __future__ import annotations

import json

import pytest

from mistral_on_azure import CookbookError, connect, record_calls, replay_calls
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT

QUESTIONS = ("How many languages are in the world?", "Count from one to ten in Spanish.")


def ask(variables, questions=QUESTIONS) -> list[str]:
    import openai  # it takes a second, which no other process of the tests has to wait

    client = openai.OpenAI(base_url=variables[ENDPOINT] + "/v1", api_key=variables[CREDENTIAL], max_retries=0)
    answers = []
    for question in questions:
        messages = [{"role": "user", "content": question}]
        response = client.chat.completions.create(model="mistralai-Mistral-7B-Instruct-v01", messages=messages)
        answers.append(response.choices[0].message.content)
    return answers


@pytest.fixture
def recorded(local, tmp_path):
    """A tape, and the answers that are on it."""
    connect()
    with record_calls(str(tmp_path / "tape.jsonl")) as variables:
        answers = ask(variables)
    return tmp_path / "tape.jsonl", answers


def test_the_same_answers_come_back_and_no_endpoint_is_called(local, recorded, capsys):
    tape, answers = recorded
    called = local.exchanges(64)
    with replay_calls(str(tape)) as variables:
        assert ask(variables) == answers and answers[1].startswith("uno")
    assert capsys.readouterr().out.endswith("2 requests answered from the tape\n")
    assert local.exchanges(64) == called and local.url not in variables[ENDPOINT]


def test_the_tape_has_neither_the_key_nor_the_doors(local, recorded):
    text = recorded[0].read_text(encoding="utf-8")
    assert local.key not in text and "127.0.0.1" not in text
    assert [json.loads(line).get("status") for line in text.splitlines()] == [None, 200, 200]


def test_another_question_is_refused_and_an_unasked_one_is_told(recorded, capsys):
    import openai

    with replay_calls(str(recorded[0])) as variables, pytest.raises(openai.APIStatusError) as refused:
        ask(variables, [QUESTIONS[0] + " "])
    assert refused.value.status_code == 501
    said = capsys.readouterr().out.splitlines()[-1]
    assert "0 requests answered" in said and "1 refused" in said and "2 recorded answers were not requested" in said


def test_a_program_that_fails_leaves_no_tape(local, tmp_path, capsys):
    connect()
    with pytest.raises(ZeroDivisionError), record_calls(str(tmp_path / "tape.jsonl")) as variables:
        ask(variables, QUESTIONS[:1])
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["tape.jsonl.part"]


def test_what_is_no_tape_is_told_in_one_line(tmp_path):
    (tmp_path / "tape.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(CookbookError, match="is not a recording"), replay_calls(str(tmp_path / "tape.jsonl")):
        pass
