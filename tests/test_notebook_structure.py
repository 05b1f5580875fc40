"""The notebooks' shape: the same sections, small cells, committed outputs, no secrets, pictures with words."""

from __future__ import annotations

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.sections import CLIENTS, anchor, headings, tasks
from mistral_on_azure.endpoint.models.script import script
from mistral_on_azure.catalog.notebooks import notebooks

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
ALL = notebooks(FOLDER)
SECTIONS = [
    "Set up",
    "Connect with a key",
    "Connect with Microsoft Entra ID",
    "Ask what is deployed",
    "Complete a chat",
    "Send a system message",
    "Hold a conversation",
    "Stream the answer",
    "Shape the answer with parameters",
    "Ask for JSON",
    "Call tools",
    "Pass extra parameters",
    "Call asynchronously",
    "Handle errors and retries",
    "Know the limits of this client",
    "Exercises",
    "What you can do now",
]
OWN_SECTIONS = {"azure-sdk": ["Move to the OpenAI SDK"]}
CREDENTIAL_LITERAL = re.compile(
    r"""(?ix) (api_?key|credential|token|authorization) ["']? \s* [=:] \s* f? ["'] (?!wrong["']) [\w+/.=-]{8,} ["']"""
)


def cells(path: Path, kind: str = "") -> list[dict]:
    return [
        {**cell, "source": "".join(cell["source"])}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if not kind or cell["cell_type"] == kind
    ]


def python_cells(path: Path) -> list[str]:
    return [cell["source"] for cell in cells(path, "code") if not re.match(r"\s*(%%|!)", cell["source"])]


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def test_every_client_has_its_notebook():
    assert set(ALL) == {"start-here", *CLIENTS}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_share_their_sections(client):
    own = OWN_SECTIONS.get(client, [])
    assert [heading for heading in headings(ALL[client]) if heading not in own] == SECTIONS
    assert all(heading in headings(ALL[client]) for heading in own)


def test_an_empty_cell_is_no_heading(tmp_path):
    cells_of_a_draft = [{"cell_type": "markdown", "source": source} for source in ([], ["## One\n", "and more"])]
    (tmp_path / "draft.ipynb").write_text(json.dumps({"cells": cells_of_a_draft}), encoding="utf-8")
    assert headings(tmp_path / "draft.ipynb") == ["One"]


def test_tasks_are_what_lies_between_setting_up_and_the_exercises():
    assert tasks(FOLDER) == SECTIONS[1:-2]


@pytest.mark.parametrize("name", ALL)
def test_one_title_and_no_skipped_heading_level(name):
    levels = [len(m) for cell in cells(ALL[name], "markdown") for m in re.findall(r"^(#+) ", cell["source"], re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", ALL)
def test_the_parameters_cell_is_the_same_everywhere_and_used(name):
    tagged = [cell["source"] for cell in cells(ALL[name], "code") if "parameters" in tags(cell)]
    reference = [cell["source"] for cell in cells(ALL["openai-sdk"], "code") if "parameters" in tags(cell)]
    assert tagged == reference and len(tagged) == 1
    rest = "\n".join(source for source in (cell["source"] for cell in cells(ALL[name], "code")) if source != tagged[0])
    for parameter in typed_parameters(ALL[name]):
        assert re.search(rf"\b{parameter}\b", rest), f"{name} never uses the parameter {parameter}"


def test_parameters_explain_themselves():
    from papermill import inspect_notebook

    inspected = inspect_notebook(str(ALL["openai-sdk"]))
    assert set(inspected) == set(typed_parameters(ALL["openai-sdk"]))
    assert all(row["help"] and row["inferred_type_name"] != "None" for row in inspected.values())


def test_prompts_are_those_of_the_script():
    first = cells(ALL["openai-sdk"], "code")[0]["source"]
    defaults = {node.target.id: ast.literal_eval(node.value) for node in ast.parse(first).body}
    assert defaults["prompt"] == next(iter(script()))[1]
    assert defaults["model"] == default_name()
    for client in CLIENTS:
        text = "\n".join(cell["source"] for cell in cells(ALL[client], "code")).replace('"\n    "', "")
        for _, prompt in script():
            if prompt != defaults["prompt"] and client != "start-here":
                assert prompt in text, f"{client} does not use the prompt {prompt!r}"


@pytest.mark.parametrize("name", ALL)
def test_outputs_are_committed_and_in_order(name):
    code = cells(ALL[name], "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell["outputs"]) for cell in code) > len(code) / 2
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error" or "raises-exception" in tags(cell)
            assert output.get("name") != "stderr", f"{name} keeps something on stderr: {output['text']}"
        if "raises-exception" in tags(cell):
            assert any(output["output_type"] == "error" for output in cell["outputs"])


@pytest.mark.parametrize("name", ALL)
def test_no_trace_of_a_machine_or_a_moment(name):
    document = json.loads(ALL[name].read_text(encoding="utf-8"))
    assert set(document["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in document["cells"])
    assert not re.search(r"127\.0\.0\.1:\d|localhost:\d|/tmp/|/home/|/root/", json.dumps(document))


@pytest.mark.parametrize("name", ALL)
def test_cells_are_short(name):
    lengths = [len(cell["source"].splitlines()) for cell in cells(ALL[name], "code")]
    assert max(lengths) <= 20
    assert sorted(lengths)[len(lengths) // 2] <= 8


@pytest.mark.parametrize("name", ALL)
def test_every_code_cell_stands_under_words(name):
    kinds = [cell["cell_type"] for cell in cells(ALL[name])]
    assert kinds[0] == "markdown" and kinds[-1] == "markdown"
    assert not any(kinds[place : place + 3] == ["code"] * 3 for place in range(len(kinds)))


@pytest.mark.parametrize("name", ALL)
def test_the_beginning_says_how_long_it_takes(name):
    assert re.search(r"\b(?:\d+|ten) minutes\b", cells(ALL[name])[0]["source"])


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_links_to_the_terms(client):
    assert "(start-here.ipynb#Look-up-a-term)" in cells(ALL[client])[0]["source"]


@pytest.mark.parametrize("name", ALL)
def test_no_credential_literals(name):
    for cell in cells(ALL[name], "code"):
        assert not CREDENTIAL_LITERAL.search(cell["source"])
        assert not re.search(r"Bearer [A-Za-z0-9]{8,}", json.dumps(cell))


@pytest.mark.parametrize("name", ALL)
def test_pictures_have_words(name):
    for cell in cells(ALL[name]):
        assert not re.search(r"!\[\]\(", cell["source"])
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert not any(kind.startswith("image/") for kind in data), "show pictures as HTML with alt text"
            for picture in re.findall(r"<img[^>]*>", "".join(data.get("text/html", ""))):
                assert re.search(r'alt="[^"]{20,}"', picture) and 'src="data:image/png;' in picture
            if "text/html" in data:
                assert "".join(data["text/plain"]).strip()


@pytest.mark.parametrize("client", CLIENTS)
def test_snippets_need_nothing_of_ours(client):
    for cell in cells(ALL[client], "code"):
        if "snippet" in tags(cell):
            assert "mistral_on_azure" not in cell["source"]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_task_has_something_to_copy(client):
    section, found = "", {}
    for cell in cells(ALL[client]):
        if cell["cell_type"] == "markdown" and cell["source"].startswith("## "):
            section = cell["source"].splitlines()[0].removeprefix("## ")
        found.setdefault(section, []).extend(tags(cell))
    assert [task for task in tasks(FOLDER) if "snippet" not in found[task]] == []


@pytest.mark.parametrize("name", ALL)
def test_links_between_notebooks_lead_somewhere(name):
    for cell in cells(ALL[name], "markdown"):
        for target, section in re.findall(r"\]\(([^)#\s]+)#?([^)\s]*)", cell["source"]):
            assert target.startswith("https://") or (FOLDER / target).exists(), target
            if target.endswith(".ipynb") and section:
                assert section in map(anchor, headings(FOLDER / target)), f"{target}#{section}"


def test_nothing_is_deprecated_in_the_sources():
    for path in ALL.values():
        for source in python_cells(path):
            assert "from langchain.chains" not in source and "mistralai_azure" not in source
