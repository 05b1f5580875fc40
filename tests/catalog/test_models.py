"""The dated table of models: every fact has a source, names are found, and `cookbook models` tells it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta

import msgspec
import pytest
from click.testing import CliRunner

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog import azure_listing, models_command
from mistral_on_azure.catalog import models as table
from mistral_on_azure.catalog.models import KINDS, advice, as_of, find, mentioned, models, neighbour, parts, sizes
from mistral_on_azure.cli import main
from mistral_on_azure.errors import CookbookError

# What az prints with the queries that are sent.
REGISTRY = [
    {"name": "mistralai-Mistral-7B-Instruct-v01", "version": "9"},
    {"name": "mistralai-Mistral-7B-Instruct-v01", "version": "14"},
    {"name": "mistralai-Mistral-7B-Instruct-v0-2", "version": "10"},
    {"name": "mistralai-Mixtral-8x7B-Instruct-v01", "version": "12"},
]
RESOURCES = [
    {"name": "Mistral-Large-3", "version": "1", "stage": "GenerallyAvailable"},
    {"name": "mistral-medium-3-5", "version": "1", "stage": "Preview"},
    {"name": "mistral-medium-2505", "version": "1", "stage": "Deprecating"},
    {"name": "Mistral-small-2503", "version": "1", "stage": "GenerallyAvailable"},
    {"name": "Ministral-3B", "version": "1", "stage": "Stable"},
    {"name": "Mistral-Nemo", "version": "1", "stage": "Deprecated"},
    {"name": "mistral-large-4", "version": "1", "stage": "Preview"},
    {"name": "mistral-ocr-4-0", "version": "1", "stage": "Preview"},
    {"name": "mistral-document-ai-2512", "version": "1", "stage": "GenerallyAvailable"},
]


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["models", *arguments])
    return done.exit_code, done.output


def test_every_deployment_of_the_cookbook_has_a_row_with_its_context():
    for name, deployment in deployments().items():
        row = models()[name]
        assert f"{deployment.context:,}" in [fact.value for fact in row.context]
        assert (row.tools[0].value == "yes") is deployment.tools
        assert (row.managed[0].value, row.serverless[0].value) == ("offered", "documented")


def test_facts_have_sources_and_kinds_are_said_in_three_words():
    for model in models().values():
        for facts in model.facts().values():
            assert all(fact.source and fact.seen <= model.checked for fact in facts)
        for kind in KINDS:
            assert {fact.value for fact in getattr(model, kind)} <= {"offered", "documented", "not offered"}


@pytest.mark.parametrize("name", ["mistralai-Mistral-7B-Instruct-v0-2", "MISTRALAI-mistral-7b-instruct-v02"])
def test_both_spellings_of_a_name_are_found(name):
    assert find(name).name == "mistralai-Mistral-7B-Instruct-v02"


def test_an_unknown_name_gets_its_neighbour():
    with pytest.raises(CookbookError, match="Did you mean 'Mistral-large-2411'"):
        find("mistral-large-2141")


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("mistral-large-2047", "Mistral-large-2407"),
        ("Mistral-Lareg-3", "Mistral-Large-3"),
        ("mistralai-Mistral-7B-Instruct-v0.2", "mistralai-Mistral-7B-Instruct-v02"),
        ("gpt-4o", ""),
        ("mistral-7b", "mistralai-Mistral-7B-Instruct-v02"),
        ("mixtral", "mistralai-Mixtral-8x7B-Instruct-v01"),
        ("mixtrall", "mistralai-Mixtral-8x7B-Instruct-v01"),
        ("8x22b", "mistralai-Mixtral-8x22B-Instruct-v0-1"),
    ],
)
def test_a_name_with_a_mistake_has_a_neighbour(typed, known):
    assert neighbour(typed) == known


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://Mistral-large-2407-abcde.eastus2.models.ai.azure.com", "Mistral-large-2407"),
        ("https://Mistral-large-abcde-serverless.eastus2.inference.ai.azure.com", "Mistral-large"),
        ('{"error":{"code":"410","message":"The model Mistral-Nemo is retired."}}', "Mistral-Nemo"),
        ("mistralai-Mixtral-8x22B-Instruct-v0-1.", "mistralai-Mixtral-8x22B-Instruct-v0-1"),
        ("Mistral-small-2409", None),  # a model of the maker's that Azure never had
        ("my-deployment", None),
    ],
)
def test_a_name_is_found_in_a_text(text, name):
    found = mentioned(text)
    assert (found.name if found else None) == name


def test_a_retired_model_names_its_successor():
    assert advice(find("mistral-nemo")) == "Mistral-Nemo was retired on 2026-01-30. Use mistral-small-2503."
    assert advice(find("Mistral-Large-3")) == ""
    assert "2025-04-15 (a page of 2026-10-05 says GA). Use mistral-medium-2505." in advice(find("Mistral-large"))


def test_tokens_say_where_they_are_counted_with_another_tokenizer():
    said = {name: models_command.tokens_here(find(name)) for name in (*deployments(), "Mistral-large-2411")}
    assert list(said.values()) == [*["exact (v1) on managed, v3 on serverless"] * 3, "exact (v3)", "exact (v7)"]


def test_the_table_is_compared_with_the_registry():
    rows = azure_listing.read(json.dumps(REGISTRY), "az ml model list")
    assert azure_listing.registry_differences(rows) == [
        "mistralai-Mistral-7B-Instruct-v0-2: the table has version 9, your list has 10.",
        "mistralai-Mixtral-8x22B-Instruct-v0-1: the table has version 7, your list does not have it.",
    ]


def test_the_table_is_compared_with_what_a_resource_can_have():
    rows = azure_listing.read(json.dumps(RESOURCES), "az cognitiveservices model list")
    assert azure_listing.resource_differences(rows) == [
        "mistral-medium-2505: GA in the table, Deprecated in your list.",
        "Codestral-2501: the table has version 2, your list does not have it.",
        "mistral-large-4: your list has it, the table does not.",
    ]


def test_the_stage_is_that_of_the_newest_version():
    listed = [
        {
            "name": model.name,
            "version": next((each.value for each in model.version), "1"),
            "stage": "GenerallyAvailable",
        }
        for model in models().values()
        if model.group == "sold today" and model.name != "mistral-medium-3-5"
    ]
    listed += [{"name": "mistral-medium-3-5", "version": "1", "stage": "Preview"}]
    old = {"name": "Codestral-2501", "version": "1", "stage": "Deprecated"}
    assert (
        azure_listing.resource_differences([*listed, old]) == [] == azure_listing.resource_differences([old, *listed])
    )


def test_the_query_takes_the_version_of_a_container():
    jmespath = pytest.importorskip("jmespath", reason="it comes with another package")
    # As azure-ai-ml's Model has it: version for a version, latest_version for a container, which `list` gives.
    listed = [
        {"name": "mistralai-Mistral-7B-Instruct-v01", "version": None, "latest_version": "14"},
        {"name": "mistralai-Mixtral-8x7B-Instruct-v01", "version": "12", "latest_version": None},
        {"name": "Phi-3", "version": None, "latest_version": "1"},
    ]
    query = azure_listing.REGISTRY[azure_listing.REGISTRY.index("--query") + 1]
    assert jmespath.search(query, listed) == [
        {"name": "mistralai-Mistral-7B-Instruct-v01", "version": "14"},
        {"name": "mistralai-Mixtral-8x7B-Instruct-v01", "version": "12"},
    ]


@pytest.mark.parametrize(
    "printed", ["", "{}x", '{"name": 1}', '[{"version": "1"}]', '[{"name": "x", "version": null}]']
)
def test_output_of_az_that_is_no_list_gets_one_line(printed):
    with pytest.raises(CookbookError, match="az upgrade"):
        azure_listing.read(printed, "az ml model list")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [  # as the Azure CLI 2.91 printed it
        ("ERROR: Please run 'az login' to setup account.", "Sign in, then try again."),
        ("ERROR: 'ml' is misspelled or not recognized by the system.\n\nExamples", "az extension add --name ml"),
        ("", "it gave no reason. Correct that, then try again."),
    ],
)
def test_an_az_that_fails_gets_one_line(tmp_path, said, remedy):
    done = models_check(tmp_path, f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert remedy in done.stderr and "`az ml model list` failed" in done.stderr


def test_the_check_asks_for_two_lists_and_changes_nothing(tmp_path):
    asked = tmp_path / "asked"
    (tmp_path / "registry").write_text(json.dumps(REGISTRY))
    (tmp_path / "resources").write_text(json.dumps(RESOURCES))
    script = f'echo "$*" >> {asked}\ncase "$1" in ml) cat {tmp_path}/registry;; *) cat {tmp_path}/resources;; esac'
    done = models_check(tmp_path, script, "--location", "swedencentral")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 5
    ml, resources = asked.read_text().splitlines()
    assert ml.startswith("ml model list --registry-name azureml")
    assert resources.startswith("cognitiveservices model list") and resources.endswith("--location swedencentral")


def models_check(folder, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `cookbook models --check` with a shell script in the place of `az`."""
    az = folder / "bin" / "az"
    az.parent.mkdir()
    az.write_text(f"#!/bin/sh\n{script}\n")
    az.chmod(0o755)
    command = [sys.executable, "-c", "from mistral_on_azure.cli import main; main()", "models", "--check", *arguments]
    environment = {**os.environ, "PATH": f"{az.parent}:{os.environ['PATH']}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_without_az_there_is_one_line(tmp_path):
    command = [sys.executable, "-c", "from mistral_on_azure.cli import main; main()", "models", "--check"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "az" in done.stderr and "Install the Azure CLI" in done.stderr


def test_disagreeing_sources_both_stand_there():
    assert [fact.value for fact in find("Mistral-large").azure] == ["retired 2025-04-15", "GA"]
    assert {fact.value for fact in find("Mistral-Large-3").azure} == {"Preview", "GA"}
    code, text = run("Mistral-Large-3")
    assert code == 0 and "128,000 in, 4,096 out (" in text and "256,000 (" in text


def test_machines_of_the_open_models_are_known_with_their_memory():
    for model in models().values():
        if model.group == "open":
            names = model.sizes[0].value.split(", ")
            assert all(name in sizes() for name in names)
            assert min(sizes()[name].gpus for name in names) == int(model.gpus[0].value)
    assert sizes()["Standard_ND96asr_v4"].all_gpu_memory == 320
    assert models_command.runs_on(find("mistralai-Mixtral-8x7B-Instruct-v01")).startswith("NC96ads_A100_v4 (4 × 80 GB)")
    assert models_command.runs_on(find("Ministral-3B")) == "sold per token"


def test_a_row_has_every_fact_that_a_page_states():
    facts = {each.name for each in msgspec.structs.fields(table.Model) if each.type == table.Facts}
    for model in models().values():
        unsaid = {"gpus", "needs"} if model.sizes[0].value.endswith("sold per token") else set()
        if model.group == "retired" or model.name == "mistral-medium-3-5":
            unsaid.add("version")  # the list of retired models has none, and the schedule lacks that one
        missing = facts - unsaid - set(model.facts())
        assert missing <= ({"successor"} if model.maker[0].value == "current" else set()), model.name


def test_a_retired_row_has_a_day_and_a_successor_that_is_sold():
    for model in models().values():
        assert (model.group == "retired") is bool(model.retired)
        if model.retired:
            assert find(model.successor[0].value).group == "sold today"
        assert model.released[0].day < as_of()


ROW = "[sources]\n[[model]]\nname = 'x'\nasset = 'x'\ngroup = 'open'\n"


def test_a_table_that_cannot_be_read_gets_one_line(monkeypatch, tmp_path):
    for text, words in {
        "[[model]": "models.toml cannot be used",
        f'{ROW}checked = 2026-01-01\nazure = [["GA", "nowhere"]]': "line 7: model 1, azure: there is no source nowhere",
        f"{ROW}checked = 2026-01-01\nazure = [['GA']]": "line 7: model 1, azure 1: expected `array` of at least",
        f"{ROW}spelled = 1": "line 6: model 1, spelled: there is no such key",
        "": "object missing required field `sources`",
        "[sources]\n": "object missing required field `model`",
        "[sources]\n[model]\nname = 'x'": "line 2: model: expected `array`, got `object`",
        f"{ROW}checked = '2026'": "line 6: model 1, checked: invalid RFC3339 encoded date",
        f"{ROW}checked = 2026-01-01\nazure = 'GA'": "line 7: model 1, azure: expected `array`, got `str`",
    }.items():
        path = tmp_path / "models.toml"
        path.write_text(text)
        monkeypatch.setattr(table, "_PATH", path)
        with pytest.raises(CookbookError, match=words):
            table._table.__wrapped__()


def test_old_rows_are_named_and_fail_the_weekly_job_only(monkeypatch):
    assert run("--stale")[0] == 0 or as_of() + timedelta(days=90) < date.today()
    assert table.stale_names(as_of() + timedelta(days=90)) == []
    assert set(table.stale_names(as_of() + timedelta(days=91))) == {*models(), *parts()}
    monkeypatch.setattr(table, "FRESH", timedelta(days=-1))
    code, text = run("--stale")
    assert code == 1 and "Not checked for 90 days: mistralai-Mistral-7B" in text
    assert "not checked for 90 days" in run()[1].replace("\n", " ") and json.loads(run("--json")[1])[0]["stale"]


def test_the_command_tells_all_rows_one_row_and_json(monkeypatch):
    monkeypatch.setattr(table, "FRESH", timedelta(days=100_000))  # whenever this runs
    code, text = run()
    assert code == 0 and "as of" in text
    assert all(f"\n{name}\n" in text for name in models())  # a name that is broken cannot be copied
    code, text = run("mistral-nemo")
    assert code == 0 and "Use mistral-small-2503." in text
    code, text = run("--json")
    rows = json.loads(text)
    assert code == 0 and {row["name"] for row in rows} == {*models(), *parts()}
    assert all({"value", "source", "seen"} == set(fact) for row in rows for fact in row.get("azure", ()))
    assert models_command.rows("mistral-nemo")[0]["azure"][0]["value"] == "retired 2026-01-30"
