"""Choosing what to run, and mistakes in it."""

from __future__ import annotations

import re
import shutil

import pytest

from mistral_on_azure.azure.deployments import default_name, deployments
from mistral_on_azure.catalog.selection import Selection, choose
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.jobs import plan
from mistral_on_azure.running.results import Result

KEY = "k" * 32
OTHER_ENGINE = ["--kind", "managed", "--engine", "http://127.0.0.1:9"]


@pytest.fixture
def folder(cookbook):
    for name in ("langchain", "openai-sdk", "start-here"):
        cookbook.write(name, "1 + 1")
    cookbook.write("azure-sdk", "1 + 1", tags=("retired",))
    return cookbook.notebooks


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), ["start-here", "azure-sdk", "langchain", "openai-sdk"]),
        (Selection(names=["openai-sdk", "notebooks/langchain.ipynb"]), ["langchain", "openai-sdk"]),
        (Selection(clients=["OpenAI SDK"]), ["openai-sdk"]),
        (Selection(clients=["openai", "lang"]), ["langchain", "openai-sdk"]),
        (Selection(tags=["retired"]), ["azure-sdk"]),
        (Selection(tags=["parameters"], clients=["azure"]), ["azure-sdk"]),
    ],
)
def test_choosing(folder, monkeypatch, selection, names):
    monkeypatch.chdir(folder.parent)
    assert list(choose(folder, selection)) == names


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(names=["openai-sd"]), "Did you mean 'openai-sdk'?"),
        (Selection(names=["zzz"]), "There are: start-here"),
        (Selection(clients=["sdk"]), "may be any of: azure-sdk, openai-sdk"),
        (Selection(clients=["cohere"]), "no client 'cohere'"),
        (Selection(clients=["-"]), "no client '-'"),
        (Selection(tags=["retird"]), "Did you mean 'retired'?"),
        (Selection(names=["langchain"], clients=["openai"]), "No notebook matches all conditions"),
    ],
)
def test_mistakes(folder, selection, said):
    with pytest.raises(CookbookError, match=said.replace("?", r"\?")):
        choose(folder, selection)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(CookbookError, match="no notebooks"):
        choose(tmp_path, Selection())


@pytest.mark.parametrize("content", ["", "[]", '{"cells": [{}]}', "{}"])
def test_what_is_no_notebook_is_said(folder, tmp_path, content):
    (folder / "broken.ipynb").write_text(content)
    with pytest.raises(CookbookError, match=r"broken\.ipynb is not a notebook"):
        plan(folder, Selection(), [], {}, tmp_path)


def test_a_parameters_cell_that_is_not_python_is_said(folder, tmp_path):
    text = (folder / "langchain.ipynb").read_text().replace("count: int = 1", "count: int =")
    (folder / "langchain.ipynb").write_text(text)
    with pytest.raises(CookbookError, match=r"langchain\.ipynb: line 3 of the parameters cell is not Python"):
        plan(folder, Selection(), [], {}, tmp_path)


def test_a_notebook_without_the_parameter_model_gets_none(folder, tmp_path):
    text = (folder / "langchain.ipynb").read_text().replace("model: str", "other: str")
    (folder / "langchain.ipynb").write_text(text)
    only = Selection(names=["langchain"])
    assert plan(folder, only, [], {}, tmp_path)[0].parameters == {}
    with pytest.raises(CookbookError, match="no parameter 'model'"):
        plan(folder, only, ["d"], {}, tmp_path)


def test_every_notebook_with_every_deployment(folder, tmp_path):
    first, second, *_ = deployments()
    jobs = plan(folder, Selection(names=["langchain", "start-here"]), [first, second, first], {}, tmp_path)
    assert [(job.name, job.deployment) for job in jobs] == [
        ("start-here", first),
        ("langchain", first),
        ("start-here", second),
        ("langchain", second),
    ]
    assert len({job.output for job in jobs}) == 4
    assert all(job.parameters == {"model": job.deployment} for job in jobs)


@pytest.mark.parametrize("deployment", ["..", ".lock", "mistral:7b", "CON", "a" * 300])
@pytest.mark.parametrize("as_parameter", [True, False])
def test_whatever_names_there_are_reports_stay_below_their_folder(folder, tmp_path, deployment, as_parameter):
    shutil.copy(folder / "langchain.ipynb", folder / "a:b.ipynb")
    chosen = ([], {"model": deployment}) if as_parameter else ([deployment], {})
    (job,) = plan(folder, Selection(names=["a:b"]), *chosen, tmp_path / "reports")
    parts = job.output.relative_to(tmp_path / "reports").parts
    assert len(parts) == 2 and not any(re.search(r'^\.|[:*?"<>|]|.{256}', part) for part in parts)
    assert Result(job).output == "/".join(parts)


def test_parameters_take_the_type_they_are_written_with(folder, tmp_path):
    (job,) = plan(folder, Selection(names=["langchain"]), [], {"prompt": "42", "count": "42"}, tmp_path)
    assert job.parameters == {"prompt": "42", "count": 42, "model": default_name()}


def test_the_parameter_model_is_a_deployment(folder, tmp_path):
    *_, last = deployments()
    (job,) = plan(folder, Selection(names=["langchain"]), [], {"model": last}, tmp_path)
    assert job.deployment == last and job.parameters["model"] == last


@pytest.mark.parametrize(
    ("deployments", "parameters", "said"),
    [
        ([], {"count": "many"}, "count must be a whole number, not 'many'"),
        ([], {"heat": "1"}, "no parameter 'heat'. It has: model, prompt, count"),
        (["a"], {"model": "b"}, "given twice"),
        ([], {"api_key": "x"}, "'api_key' looks like a credential. Set AZURE_INFERENCE_CREDENTIAL instead"),
        ([], {"prompt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"}, "'prompt' looks like a cred"),
        ([], {"max_tokens": "1"}, "no parameter 'max_tokens'"),
        (["../a"], {}, "no slash"),
        ([""], {}, "not empty"),
    ],
)
def test_mistakes_in_parameters(folder, tmp_path, deployments, parameters, said):
    with pytest.raises(CookbookError, match=said):
        plan(folder, Selection(names=["langchain"]), deployments, parameters, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["openai-sd"], "Did you mean 'openai-sdk'?"),
        (["-d", "mistralai-Mistral-7B-Instruct-v03"], "Did you mean 'mistralai-Mistral-7B-Instruct-v0"),
        (["-d", "mistralai-Mistral-7B"], "Did you mean one of these? mistralai-Mistral-7B-Instruct-v01, mistralai-Mis"),
        (["--frob"], "No such option '--frob'"),
        (["--workers", "0"], "Invalid value for '--workers'"),
        (["--cell-timeout", "0"], "Invalid value for '--cell-timeout'"),
        (["--max-cost", "1"], "--max-cost needs --price-in and --price-out"),
        (["--price-in", "1"], "Give both --price-in and --price-out"),
        (["--save", "-p", "count", "2"], "leave out -p and -d"),
        (["--reports", "/proc/nowhere"], "cannot be written"),
        (["-p", "count", "1", "-p", "count", "2"], "The parameter 'count' is given twice"),
        (["--direct"], "--direct is for an endpoint of yours: set AZURE_INFERENCE_ENDPOINT"),
        (["--save", "--engine", "embedded"], "do without --engine or --replay"),
        (OTHER_ENGINE, "--engine is for --kind serverless or foundry, not for managed: leave it out."),
        ([*OTHER_ENGINE, "--dry-run"], "--engine is for --kind serverless or foundry, not for managed: leave it out."),
        ([*OTHER_ENGINE, "-p", "model", default_name(), "--dry-run"], "not for managed: leave it out"),
    ],
)
def test_mistakes_on_the_command_line_get_one_line(cookbook, folder, arguments, said):
    done = cookbook.run(*arguments)
    assert done.returncode == (2 if said.startswith(("No such option", "Invalid value")) else 1)
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AZURE_INFERENCE_ENDPOINT": "host.example"}, "has no scheme"),
        ({"AZURE_INFERENCE_ENDPOINT": "https://host.example/v1"}, "ends in /v1"),
        ({"AZURE_INFERENCE_CREDENTIAL": "k" * 32}, "AZURE_INFERENCE_ENDPOINT is not"),
    ],
)
def test_mistakes_in_the_environment_are_said_before_anything_runs(cookbook, folder, environment, said):
    done = cookbook.run(**environment)
    assert done.returncode == 1
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert said in cookbook.results["stopped"] and not cookbook.results["jobs"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "prompt", f"my key is {KEY}"], "'prompt' looks like a credential"),
        (["--engine", "embedded"], "--engine is for the local endpoint"),
        (["--save"], "do without AZURE_INFERENCE_ENDPOINT"),
    ],
)
def test_what_does_not_go_with_an_endpoint_of_ones_own(cookbook, folder, arguments, said):
    real = {"AZURE_INFERENCE_ENDPOINT": "https://host.example", "AZURE_INFERENCE_CREDENTIAL": KEY}
    done = cookbook.run(*arguments, **real)
    assert done.returncode == 1 and KEY not in done.stderr
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


ASKING = """
import os, requests
url, key = os.environ["AZURE_INFERENCE_ENDPOINT"], os.environ["AZURE_INFERENCE_CREDENTIAL"]
asked = {"messages": [{"role": "user", "content": "How far is Mars?"}]}
answer = requests.post(f"{url}/chat/completions", json=asked, headers={"Authorization": f"Bearer {key}"}, timeout=20)
print(answer.json()["choices"][0]["message"]["content"])
"""
BESIDE = '[[exchange]]\nprompt = "How far is Mars?"\nanswers = ["Months away."]\n'


def test_a_recipe_elsewhere_brings_its_answers(cookbook):
    mars = cookbook.write("../elsewhere/mars", ASKING)
    mars.with_suffix(".toml").write_text(BESIDE, encoding="utf-8")
    done = cookbook.run(str(mars))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Months away." in (cookbook.reports / cookbook.jobs["mars"]["output"]).read_text("utf-8")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("answers = []", "answers"), ("answer = 1", "answer"), ('answers = ["y"]\nfault = "nonsense"', "nonsense")],
)
def test_damaged_answers_of_a_recipe_elsewhere_are_told_before_anything_starts(cookbook, tmp_path, wrong, said):
    mars = cookbook.write("../elsewhere/mars", "1")
    mars.with_suffix(".toml").write_text(f'[[exchange]]\nprompt = "x"\n{wrong}\n', encoding="utf-8")
    with pytest.raises(CookbookError, match=rf"mars\.toml.*{said}"):
        plan(cookbook.notebooks, Selection(names=[str(mars)]), [], {}, tmp_path)
