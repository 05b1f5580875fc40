"""Moving off azure-ai-inference: the patterns find what there is to find, and the picture says what the prose says."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import azure.ai.inference
import azure.ai.inference.models as old_models
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RECIPE = json.loads((NOTEBOOKS / "recipes/moving-off-azure-ai-inference.ipynb").read_text(encoding="utf-8"))
CELLS = {cell["id"]: cell for cell in RECIPE["cells"]}
PATTERNS = ast.literal_eval("".join(CELLS["find-3"]["source"]).removeprefix("PATTERNS = "))
# What a program makes by itself; the other classes come back in answers.
MADE = [
    *azure.ai.inference.__all__,
    *(name for name in old_models.__all__ if name.endswith(("Message", "ContentItem", "Definition", "Format"))),
    "ImageUrl",
    "InputAudio",
    "ChatCompletionsToolChoicePreset",
    "ChatCompletionsNamedToolChoice",
]
ANSWERED = {"AudioContentFormat", "ChatResponseMessage", "StreamingChatResponseMessage", "EmbeddingEncodingFormat"}
BASES = {"ChatRequestMessage", "ContentItem"}
LINES = [
    'client.complete(messages=messages, model_extras={"safe_prompt": True})',
    'client.complete(messages=messages, response_format="json_object")',
    'client.complete(messages=messages, headers={"extra-parameters": "drop"})',
    "client = ChatCompletionsClient(url, key, connection_timeout=5)",
    "client.complete(messages=messages, retry_total=0)",
    "client.complete(messages=messages, retry_on_methods=['POST'])",
    "client.get_model_info()",
    'client.send_request(HttpRequest("GET", "/info"))',
    "except ClientAuthenticationError as error:",
    "except AzureError as error:",
    "except ServiceResponseTimeoutError as error:",
    'print(answer["usage"])',
    "print(answer.as_dict())",
    'client = ChatCompletionsClient(url, DefaultAzureCredential(), credential_scopes=["scope"])',
]


def found(line: str) -> list[str]:
    return [pattern for pattern in PATTERNS if re.search(pattern, line)]


@pytest.mark.parametrize("name", [name for name in MADE if name not in ANSWERED | BASES])
def test_every_class_that_a_program_makes_is_found(name):
    assert found(f"x = {name}(value)"), name


@pytest.mark.parametrize("line", LINES)
def test_what_a_call_is_given_is_found(line):
    without_client = re.sub(r"ChatCompletionsClient\(|\.complete\(", "", line)
    assert found(without_client), line


def test_code_that_has_moved_is_left_alone():
    moved = ast.literal_eval("".join(CELLS["job-1"]["source"]).removeprefix("new_job = "))
    assert [line for line in moved.splitlines() if found(line)] == []


def test_every_pattern_finds_something_in_the_notebook_of_the_old_client():
    cells = json.loads((NOTEBOOKS / "azure-sdk.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    text += "\n".join(
        [*LINES, "TextContentItem(text=text)", "AIInferenceInstrumentor()", "ChatCompletionsToolChoicePreset.NONE"]
    )
    assert [pattern for pattern in PATTERNS if not re.search(pattern, text)] == []


def test_the_bodies_of_all_pairs_are_equal_as_the_prose_says():
    printed = "".join("".join(each.get("text", "")) for cell in CELLS.values() for each in cell.get("outputs", []))
    bodies = re.findall(r"^[\w ,]+: body (.+?), only one has", printed, re.MULTILINE)
    assert len(bodies) == 10 and set(bodies) == {"equal"}


def test_the_picture_shows_the_differences_that_the_prose_names():
    (output,) = CELLS["kinds-2"]["outputs"]
    text = "".join(output["data"]["text/plain"]).partition(". ")[2].removesuffix(".")
    rows = [row.rsplit(": ", 1) for row in text.split("; ")]
    changed = {
        (pair, kind)
        for pair, words in rows
        for kind, word in zip(("serverless", "managed", "foundry"), words.split(", "), strict=True)
        if word != "same" and not word.startswith("both")
    }
    everywhere = {("typo", kind) for kind in ("serverless", "managed", "foundry")}
    assert changed == everywhere | {("typo, header", "managed"), ("stream, usage", "managed")}
    # What neither client gets is not called the same: managed compute never returns log probabilities.
    assert "log probabilities: same, both without, same" in text


def test_the_bad_nights_part_the_jobs_where_the_prose_says_so():
    """Only the new job tries again, and none of them crashes."""
    (output,) = CELLS["job-2"]["outputs"]
    nights = re.split(r"^(?=\w)", "".join(output["text"]), flags=re.MULTILINE)[1:]
    left = {night.split("\n")[0]: re.findall(r"(\w+): +left for tomorrow: (.+)", night) for night in nights}
    assert left == {
        "no fault": [],
        "one 429": [("old", "429")],
        "one 401": [("both", "401")],
        "one timeout": [("old", "no answer")],
    }
