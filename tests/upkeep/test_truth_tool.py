"""The tool that asks the published container: what it reads, what it keeps of an answer, and how it compares."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.upkeep.truth.asking_truth import PROVIDERS, compare, main
from mistral_on_azure.upkeep.truth.published_container import lay_out
from mistral_on_azure.upkeep.truth.questions_and_answers import Question, Reply, kept, merged, pattern, shape
from mistral_on_azure.upkeep.truth.tiny_engine import Home


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_question_is_read_with_its_long_words_spelled_out():
    row = {"id": "a", "method": "POST", "route": "/x", "query": "b=1", "body": {"text": ["$WORDS:3"]}}
    question = Question.from_row(row)
    assert question.target == "/x?b=1"
    assert question.headers == {"content-type": "application/json"}
    assert json.loads(question.data) == {"text": ["word word word "]}
    assert question.layers == ("fmi", "fmi-noprov")
    raw = Question.from_row({"id": "a", "method": "POST", "route": "/x", "raw": "{"})
    assert (raw.data, raw.headers) == (b"{", {})


def test_a_form_has_kinds_in_place_of_values_and_what_is_part_of_the_protocol():
    data = {"id": "x", "object": "chat.completion", "n": 1, "choices": [{"a": None}, {"a": None}], "ok": True}
    form = {"id": "string", "object": "=chat.completion", "n": "number", "choices": [{"a": "null"}], "ok": "bool"}
    assert shape(data) == form


def test_a_message_is_kept_as_a_pattern_without_numbers_and_places():
    told = pattern("The model /some/where has 384 tokens.", ("/some/where",))
    assert re.match(told, "The model MODEL has 4096 tokens.")
    assert "/some" not in told


def test_a_stream_is_kept_as_its_forms_in_order():
    body = b'data: {"a": 1}\n\ndata: {"a": 2}\n\ndata: [DONE]\n\n'
    row = kept(Reply(200, {"content-type": "text/event-stream; charset=utf-8", "date": "now"}, body), ())
    assert row == {"status": 200, "type": "text/event-stream", "events": ['{"a":"number"} +', "[DONE]"]}


def test_what_differs_from_time_to_time_is_marked_and_not_compared():
    assert merged([{"status": 200, "n": 1}, {"status": 200, "n": 2}]) == {"status": 200, "n": 1, "varies": ["n"]}


def test_comparing_tells_the_rows_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [{"id": name, "layer": "fmi", "status": 200} for name in "abcd"]
    old = write(tmp_path / "old.jsonl", *rows)
    new = write(tmp_path / "new.jsonl", *rows[:3], {**rows[3], "status": 500})
    assert compare(old, old) == 100
    assert compare(old, new) == 75
    assert "differs: d [fmi]: status" in capsys.readouterr().out
    assert main(["--compare", str(old), str(old)]) == 0
    assert main(["--compare", str(old), str(new)]) == 1
    assert main(["--compare", str(old), str(new), "--at-least", "75"]) == 0


@pytest.mark.parametrize("layer", PROVIDERS)
def test_a_model_is_laid_out_as_the_catalog_has_it(tmp_path: Path, layer: str):
    model = tmp_path / "model"
    model.mkdir()
    write(model / "config.json", {})
    folder, inner = lay_out(Home(tmp_path), model, layer, "some/model", PROVIDERS[layer])
    assert (inner / "config.json").is_file()
    metadata = json.loads((folder / "mlflow_model_folder" / "MLmodel").read_text())["metadata"]
    assert metadata["base_model_name"] == "some/model"
    assert metadata.get("model_provider_name", "") == PROVIDERS[layer]
