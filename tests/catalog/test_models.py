"""The dated table of models: every fact has a source, names are found, and `cookbook models` tells it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from click.testing import CliRunner

from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog.models import KINDS, advice, differences, find, listed_by_az, models
from mistral_on_azure.cli import main
from mistral_on_azure.errors import CookbookError

LISTED = [
    {"name": "mistralai-Mistral-7B-Instruct-v01", "version": "9"},
    {"name": "mistralai-Mistral-7B-Instruct-v01", "version": "14"},
    {"name": "mistralai-Mistral-7B-Instruct-v0-2", "version": "10"},
    {"name": "mistralai-Mixtral-8x7B-Instruct-v01", "version": "12"},
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


def test_a_row_says_when_it_was_not_looked_at():
    row = find("Mistral-Nemo")
    assert not row.stale(row.checked + timedelta(days=90))
    assert row.stale(row.checked + timedelta(days=91))


@pytest.mark.parametrize("name", ["mistralai-Mistral-7B-Instruct-v0-2", "MISTRALAI-mistral-7b-instruct-v02"])
def test_both_spellings_of_a_name_are_found(name):
    assert find(name).name == "mistralai-Mistral-7B-Instruct-v02"


def test_an_unknown_name_gets_its_neighbour():
    with pytest.raises(CookbookError, match="Did you mean 'Mistral-large-2411'"):
        find("mistral-large-2141")


def test_a_retired_model_names_its_successor():
    assert advice(find("mistral-nemo")) == "Mistral-Nemo was retired on 2026-01-30. Use mistral-small-2503."
    assert advice(find("Mistral-Large-3")) == ""


def test_the_table_is_compared_with_what_az_lists():
    assert differences(listed_by_az(json.dumps(LISTED))) == [
        "mistralai-Mistral-7B-Instruct-v0-2: the table has version 9, your list has 10.",
        "mistralai-Mixtral-8x22B-Instruct-v0-1: the table has version 7, your list does not have it.",
    ]


@pytest.mark.parametrize("printed", ["", "{}x", '{"name": 1}', '[{"version": "1"}]'])
def test_output_of_az_that_is_no_list_gets_one_line(printed):
    with pytest.raises(CookbookError, match="Update the Azure CLI"):
        listed_by_az(printed)


def test_without_az_there_is_one_line(tmp_path):
    command = [sys.executable, "-c", "from mistral_on_azure.cli import main; main()", "models", "--check"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "az" in done.stderr and "Install the Azure CLI" in done.stderr


def test_the_command_tells_all_rows_one_row_and_json():
    code, text = run()
    assert code == 0 and "as of" in text
    code, text = run("mistral-nemo")
    assert code == 0 and "Use mistral-small-2503." in text
    code, text = run("--json")
    rows = json.loads(text)
    assert code == 0 and {row["name"] for row in rows} == set(models())
    assert all({"value", "source", "seen"} == set(fact) for row in rows for fact in row["azure"])
