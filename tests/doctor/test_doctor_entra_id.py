"""Microsoft Entra ID, with the local endpoint's token service and the real DefaultAzureCredential."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from examining import examine, failing

from local_endpoint import Local
from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.deployments import FOUNDRY
from mistral_on_azure.doctor.examination import Answer, Examination, Status
from mistral_on_azure.doctor.failures import explain_refusal
from mistral_on_azure.doctor.known_beforehand import no_identity

AUDIENCE = "https://ml.azure.com"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The https address of a virtual endpoint, and what gives tokens for it."""

    url: str
    local: Local

    def token(self, audience: str = AUDIENCE, lifetime: int = 3600) -> str:
        return self.local.token(audience, token_lifetime=lifetime)


@pytest.fixture
def tenant(local, monkeypatch) -> Tenant:
    identity = local.identity()
    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    return Tenant(identity[ENDPOINT], local)


def test_an_identity_that_may_call(tenant):
    report = examine(tenant.url, None)
    assert not report.failed
    assert report.findings["identity"].found == f"ManagedIdentityCredential got a token for {AUDIENCE}/.default"
    assert report.findings["token"].found == f"for {AUDIENCE}, good for 60 minutes"
    assert report.findings["access"].found == "the token is accepted"
    assert report.findings["round trip"].status is Status.OK


def test_no_identity(tenant, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "nobody")
    report = examine(tenant.url, None)
    name, finding = failing(report)
    assert name == "identity" and "no identity" in finding.found and "az login" in finding.remedy
    assert report.findings["access"].waits_for == "identity"


def test_a_service_principal_that_is_not_complete(tenant, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "nobody")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-secret-of-a-client")
    name, finding = failing(examine(tenant.url, None))
    assert name == "identity" and "without AZURE_TENANT_ID and AZURE_CLIENT_ID" in finding.found
    assert "all three" in finding.remedy and "a-secret" not in finding.found


def test_a_service_principal_that_cannot_be_right(tenant, monkeypatch):
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "not one!")
    name, finding = failing(examine(tenant.url, None))
    assert name == "identity" and "tenant" in finding.found.lower() and "AZURE_TENANT_ID" in finding.remedy


def test_of_the_chain_the_attempt_that_says_most_is_told():
    message = (
        "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n"
        "\tManagedIdentityCredential: ManagedIdentityCredential authentication unavailable.\n"
        "\tAzureCliCredential: Please run 'az login' to set up an account\n"
        "\tAzurePowerShellCredential: PowerShell is not installed\n"
    )
    finding = no_identity(message)
    assert finding.found == "No token: AzureCliCredential: Please run 'az login' to set up an account"


def test_a_token_that_has_to_travel_over_plain_http(local):
    name, finding = failing(examine(local.url, None))
    assert name == "identity" and "must not travel over plain http" in finding.found
    assert "AZURE_INFERENCE_CREDENTIAL" in finding.remedy


def test_a_token_in_place_of_a_key(tenant):
    report = examine(tenant.url, tenant.token())
    assert not report.failed and report.findings["access"].found == "the token is accepted"


def test_a_token_that_has_expired(tenant):
    token = tenant.token(lifetime=1)
    time.sleep(1.1)
    report = examine(tenant.url, token)
    name, finding = failing(report)
    assert name == "token" and "The token expired" in finding.found
    assert f"az account get-access-token --resource {AUDIENCE}" in finding.remedy
    assert report.findings["access"].waits_for == "token"


def test_a_token_that_will_soon_expire(tenant):
    finding = examine(tenant.url, tenant.token(lifetime=100)).findings["token"]
    assert finding.status is Status.NOTE and "s only" in finding.found and "before each request" in finding.remedy


def test_a_token_for_another_audience(tenant):
    report = examine(tenant.url, tenant.token("https://management.azure.com"))
    name, finding = failing(report)
    assert report.findings["token"].status is Status.NOTE
    assert "for https://management.azure.com; this endpoint's are for" in report.findings["token"].found
    assert name == "access" and "401" in finding.found
    assert f"the scope {AUDIENCE}/.default; this one is for https://management.azure.com" in finding.remedy


def test_a_token_for_another_audience_is_not_sent_to_azure(tenant):
    report = examine("https://no-such-host.services.ai.azure.com", tenant.token())
    assert report.failed == ["DNS", "token"]
    assert "https://ai.azure.com or https://cognitiveservices.azure.com" in report.findings["token"].found
    assert "--resource https://ai.azure.com " in report.findings["token"].remedy


def test_a_token_that_nobody_can_read(tenant):
    report = examine(tenant.url, "eyJhbGciOiJub25lIn0.bm90LWpzb24.c2lnbmF0dXJl")
    assert report.findings["token"].status is Status.NOTE and report.failed == ["access"]


def test_an_identity_without_a_role(tenant):
    tenant.local.fail(status=403, count=3)
    name, finding = failing(examine(tenant.url, tenant.token()))
    assert name == "chat routes" and "403: The identity has no role" in finding.found
    assert "the role AzureML Data Scientist" in finding.remedy and "5 minutes" in finding.remedy


def test_what_a_foundry_resource_says_to_an_identity_without_a_role(tenant):
    e = Examination("", url="https://x.services.ai.azure.com", kind=FOUNDRY, is_token=True, bearer=tenant.token())
    said = '{"error": {"code": "PermissionDenied", "message": "Principal does not have access to API/Operation."}}'
    finding = explain_refusal(Answer(401, {}, said), "POST /models/chat/completions", e)
    assert "Principal does not have access" in finding.found and "Cognitive Services User" in finding.remedy
