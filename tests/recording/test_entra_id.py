"""An endpoint that wants Microsoft Entra ID: the runner has the tokens, and notebooks may bring their own."""

from __future__ import annotations

import pytest
import requests

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget
from mistral_on_azure.running import targets
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.results import Result

BODY = {"messages": [{"role": "user", "content": "How many languages are in the world?"}], "max_tokens": 90}


@pytest.fixture
def https(local, monkeypatch):
    """The https address of an endpoint for which this process has an identity and no key."""
    identity = local.identity()
    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(CREDENTIAL)
    return identity[ENDPOINT]


def test_a_door_brings_tokens_or_takes_them(https, tmp_path):
    result = Result(Job(tmp_path / "n.ipynb", "d", tmp_path / "o.ipynb"))
    with targets.real(https, Budget(), lambda *_: None) as through:
        environment = through.environment(result)
        own = {"Authorization": f"Bearer {environment[CREDENTIAL]}", "api-key": environment[CREDENTIAL]}
        by_key = requests.post(f"{environment[ENDPOINT]}/v1/chat/completions", json=BODY, headers=own, timeout=100)
        assert by_key.status_code == 200, by_key.text

        from azure.identity import DefaultAzureCredential

        token = {"Authorization": f"Bearer {DefaultAzureCredential().get_token('https://ml.azure.com/.default').token}"}
        secure, trusted = environment["COOKBOOK_SECURE_ENDPOINT"], environment["REQUESTS_CA_BUNDLE"]
        by_token = requests.post(f"{secure}/v1/chat/completions", json=BODY, headers=token, timeout=100, verify=trusted)
        assert by_token.status_code == 200 and by_token.json()["usage"] == by_key.json()["usage"]
        assert through.usage(result).calls == 2 and through.usage(result).tokens == 2 * 83
    assert "eyJ" not in str(environment)


def test_no_identity_is_said_before_anything_runs(https, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "nobody")
    with (
        pytest.raises(CookbookError, match="no Microsoft Entra ID identity was found"),
        targets.real(https, Budget(), lambda *_: None),
    ):
        pass
