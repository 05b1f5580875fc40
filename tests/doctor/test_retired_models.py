"""The doctor reads a name, an address and an answer: which model is retired since when, and what replaces it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from examining import examine, failing

from mistral_on_azure.cli import main
from mistral_on_azure.doctor.examination import Status
from mistral_on_azure.endpoint.starting import start

NEMO = "Mistral-Nemo was retired on 2026-01-30"


@pytest.fixture(scope="module")
def resource():
    with start(kind="foundry") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def older():
    with start(kind="foundry", retired=404) as endpoint:
        yield endpoint


def looked(endpoint, deployment: str):
    return examine(endpoint.url, endpoint.keys[0], deployment=deployment)


def test_a_retired_name_and_the_answer_410(resource):
    report = looked(resource, "Mistral-Nemo")
    named = report.findings["model"]
    assert named.status is Status.NOTE and named.found == NEMO and "Use mistral-small-2503." in named.remedy
    check, finding = failing(report)
    assert check == "chat routes" and "was answered 410" in finding.found
    assert finding.remedy == f"{NEMO}. Use mistral-small-2503."


def test_the_404_of_older_pages_is_read_the_same(older):
    _, finding = failing(looked(older, "mistral-large-2411"))
    assert finding.remedy.startswith("Mistral-large-2411 was retired on 2026-01-30. Use mistral-medium-2505.")


def test_a_name_that_no_request_can_hold(resource):
    report = looked(resource, "mistral\udcff")
    check, finding = failing(report)
    assert check == "model" and finding.found == "The name of the deployment is not UTF-8."
    assert report.findings["chat routes"].found == "waits for model"


def test_a_typo_gets_its_neighbour(resource):
    report = looked(resource, "mistral-smal-2503")
    named = report.findings["model"]
    assert named.status is Status.NOTE and named.remedy == "If it is a mistake: --deployment mistral-small-2503"
    _, finding = failing(report)
    assert "mistral-small-2503" in finding.remedy


def test_a_typo_of_a_model_that_the_endpoint_does_not_have(resource):
    _, finding = failing(looked(resource, "mistralai-Mixtral-8x7B-Instruct-v0"))
    assert finding.remedy.startswith("Did you mean mistralai-Mixtral-8x7B-Instruct-v01?")


def test_a_sold_model_and_a_name_of_ones_own(resource):
    report = looked(resource, "Mistral-Large-3")
    assert not report.failed and report.findings["model"].found.startswith("Mistral-Large-3 is in the table of models")
    own = looked(resource, "chat-of-team-7").findings["model"]
    assert own.status is Status.OK and "a name of your own" in own.found


def test_the_name_in_an_address():
    url = "https://Mistral-large-2407-abcde.eastus2.models.ai.azure.com"
    finding = examine(url, "k" * 32, timeout=0.5).findings["model"]
    assert finding.status is Status.NOTE and "the address names a retired model: Mistral-large-2407" in finding.found
    assert "2025-05-13" in finding.found and finding.remedy == "Use mistral-medium-2505."


@pytest.mark.parametrize(
    "text",
    [
        "mistral-nemo",
        "https://Mistral-Nemo-x.eastus2.models.ai.azure.com",
        '410 {"message": "Mistral-Nemo is retired"}',
    ],
)
def test_a_text_is_read_without_an_endpoint(text):
    done = CliRunner().invoke(main, ["models", text])
    assert done.exit_code == 0 and f"{NEMO}. Use mistral-small-2503." in done.output
