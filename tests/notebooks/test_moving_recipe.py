"""Moving off azure-ai-inference: the patterns find what there is to find, and the picture says what the prose says."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import azure.ai.inference
import azure.ai.inference.models as old_models
import openai
import pytest
from azure.core.configuration import ConnectionConfiguration

from mistral_on_azure.notebook.kept_measurements import plot_client_faults

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
ANSWERED = {"ChatResponseMessage", "EmbeddingEncodingFormat"}
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
    "from azure.ai import inference",
    "print(answer['choices'])",
    "{'role': ChatRole.USER, 'content': prompt}",
    "if choice.finish_reason == CompletionsFinishReason.STOPPED:",
    "def shown(chunk: StreamingChatCompletionsUpdate) -> str:",
    "def kept(answer: ChatCompletions) -> str:",
    "    raw_request_hook=noted,",
    "    raw_response_hook=noted,",
    "    connection_verify=False,",
    "    logging_enable=True,",
    "    credential=DefaultAzureCredential(),",
    "credential = DefaultAzureCredential()",
    "from azure.core.credentials import AzureKeyCredential",
    "    DefaultAzureCredential(),",
    "azure-ai-inference==1.0.0b9",
    '  "azure-ai-inference>=1.0.0b9",',
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


def listed(code: str, capsys) -> str:
    """What the notebook's search prints for a folder."""
    names = {"PATTERNS": PATTERNS, "code": code}
    for cell in ("find-1", "find-4"):
        exec("".join(CELLS[cell]["source"]), names)
    return capsys.readouterr().out


def test_files_of_one_name_in_two_folders_are_both_searched(tmp_path, capsys):
    for folder, text in ("one", "# é\nclient.complete()\n"), ("two", "client.get_model_info()\n"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.py").write_text(text, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("azure-ai-inference\n", encoding="utf-8")
    packages = tmp_path / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "client.py").write_text("client.complete()\n", encoding="utf-8")
    for folder in ".tox", ".pytest_cache", "__pycache__":
        (tmp_path / folder).mkdir()
    (tmp_path / "__pycache__" / "main.pyc").write_bytes(b"azure.ai.inference")
    lines = [line.split()[0] for line in listed(str(tmp_path), capsys).splitlines()]
    found = [str(Path("one", "main.py")) + ":2", "requirements.txt:1", str(Path("two", "main.py")) + ":1"]
    assert lines == found


@pytest.mark.parametrize("folder", ["misspelt", "."])
def test_a_folder_that_is_not_there_or_has_no_program_is_told_in_a_line(folder, tmp_path, capsys):
    code = tmp_path / folder
    assert listed(str(code), capsys) == f"There is no Python program in {code}.\n"


def test_without_a_folder_the_job_is_searched(capsys):
    assert listed("", capsys).startswith("job:2")


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
    assert "Asynchronous, the same body, answer: True True\n" in printed


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


def test_the_retries_that_the_prose_names_were_measured():
    """The cell counts those after a status; for the others the kept measurements speak."""
    printed = "".join(CELLS["retries-1"]["outputs"][0]["text"])
    refused = re.findall(r"\{'status': (\d+)\} old: 1 request\(s\), refused", printed)
    assert refused == ["429", "408", "502"]
    assert re.findall(r"\{'status': (\d+)\} new: 2 request\(s\), answered", printed) == [*refused, "503"]
    kept = plot_client_faults()
    for fault in "slow answer", "reset before", "reset within":
        assert [kept.words(fault, client)[0] for client in ("azure-sdk", "openai-sdk")] == ["1 try", "3 tries"]


def test_the_time_limits_that_the_prose_names_are_those_of_the_clients():
    """That requests carry them is tested with the recipe on errors, which prints them."""
    limits = ConnectionConfiguration().read_timeout, openai.DEFAULT_TIMEOUT.read, 1 + openai.DEFAULT_MAX_RETRIES
    said = "".join(CELLS["job-0"]["source"]).replace("\n", " ")
    assert limits == (300, 600, 3) and "waits 300 seconds, once" in said and "waits 600 seconds, three times" in said
