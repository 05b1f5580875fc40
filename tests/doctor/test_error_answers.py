"""What error answers mean: each fault of the local endpoint has its remedy."""

from __future__ import annotations

import pytest
from examining import examine, failing
from openai_engine import Engine

from mistral_on_azure.doctor.examination import Status
from mistral_on_azure.endpoint.starting import start
from servers import Asked, Reply, serving

PROBES = 3  # chat requests before the streamed one


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "Does it serve a chat model?"),
        (401, "the key that the server was started with"),
        (403, "public network access"),
        (408, "request_timeout_ms"),
        (410, "The model is retired. `cookbook models` names"),
        (424, "the model's container failed"),
        (429, "Wait 7 s, then try again"),
        (500, "The service failed"),
        (502, "The gateway cannot reach the model"),
        (503, "The deployment is not ready"),
        (504, "too long for the gateway"),
    ],
)
def test_an_error_answer(local, status, remedy):
    local.fail(status=status, retry_after=7, count=PROBES)
    report = examine(local.url, local.key)
    name, finding = failing(report)
    assert name == "chat routes" and f"POST /chat/completions was answered {status}: " in finding.found
    assert remedy in finding.remedy and report.findings["streaming"].waits_for == "chat routes"


def test_no_route_at_all(local):
    local.fail(status=404, count=PROBES)
    name, finding = failing(examine(local.url, local.key))
    assert name == "chat routes" and finding.found == "No chat route answers."
    assert "/score" in finding.remedy and "traffic" in finding.remedy


def test_a_web_server_that_is_no_endpoint():
    page = Reply(parts=(b"<h1>Not found</h1>",), status=404, headers={"content-type": "text/html"})
    with serving(lambda asked: page) as url:
        name, finding = failing(examine(url, "a-key"))
    assert name == "chat routes" and finding.found == "No chat route answers: web pages come instead of JSON."


def test_an_error_on_one_route_does_not_hide_the_others(local):
    local.fail(status=503)
    report = examine(local.url, local.key)
    name, finding = failing(report)
    assert name == "chat routes" and "503" in finding.found
    assert report.examination.route == "/v1/chat/completions" and report.findings["round trip"].status is Status.OK


def test_an_error_that_comes_later(local):
    local.fail(status=503, after=PROBES)
    report = examine(local.url, local.key)
    name, finding = failing(report)
    assert name == "streaming" and "503" in finding.found and "not ready" in finding.remedy
    assert report.findings["round trip"].status is Status.OK


def test_an_error_that_comes_last(local):
    local.fail(status=500, after=13)
    name, finding = failing(examine(local.url, local.key))
    assert name == "round trip" and "500" in finding.found and "Try again" in finding.remedy


def test_a_quota_that_is_used_up_on_the_way(local):
    local.fail(status=429, after=PROBES, retry_after=3)
    report = examine(local.url, local.key)
    name, finding = failing(report)
    assert name == "streaming" and "429" in finding.found and "Wait 3 s" in finding.remedy
    assert report.findings["round trip"].waits_for == "streaming"


def test_a_real_quota_that_is_used_up():
    with start(requests_per_minute=2) as endpoint:
        report = examine(endpoint.url, endpoint.keys[0])
    name, finding = failing(report)
    assert name == "chat routes" and "Rate limit of this deployment reached" in finding.found
    assert finding.remedy.startswith("Wait ")


def test_an_answer_that_comes_too_late(local):
    local.fail(first_token=3)
    name, finding = failing(examine(local.url, local.key, timeout=1.0))
    assert name == "chat routes" and "POST /chat/completions got no answer within 1 s" in finding.found
    assert "--timeout 4" in finding.remedy and "log" in finding.remedy


@pytest.mark.parametrize("reset", ["before", "within"])
def test_a_connection_that_breaks(local, reset):
    local.fail(reset=reset)
    name, finding = failing(examine(local.url, local.key))
    assert name == "chat routes" and "ended before the answer to POST /chat/completions did" in finding.found
    assert "its container may crash" in finding.remedy


def test_a_deployment_that_does_not_exist():
    with start(strict_model=True) as strict:
        name, finding = failing(examine(strict.url, strict.keys[0], deployment="mistral-tiny"))
    assert name == "chat routes" and "There is no deployment 'mistral-tiny'" in finding.found
    assert "Set --deployment to one of: mistralai-Mistral-7B-Instruct-v01" in finding.remedy


def test_what_a_gateway_wraps():
    """A managed endpoint answers 424 for whatever its container said, which a header tells."""

    def wrapped(asked: Asked) -> Reply:
        reply = engine(asked)
        if reply.status == 200:
            return reply
        return Reply(reply.body, 424, {"ms-azureml-model-error-statuscode": str(reply.status)})

    engine = Engine("the-key-of-this-engine")
    with serving(wrapped) as url:
        report = examine(url, "the-key-of-this-engine")
        name, finding = failing(examine(url, "some-other-key"))
    assert not report.failed and "Missing: /chat/completions" in report.findings["chat routes"].found
    assert "missing (404 inside a 424)" in report.findings["/info"].found
    assert name == "access" and "401 inside a 424" in finding.found and "the key that the server" in finding.remedy


def test_a_network_that_is_closed():
    said = {"error": {"code": "403", "message": "Public access is disabled. Please configure private endpoint."}}
    with serving(lambda asked: Reply(said, 403)) as url:
        name, finding = failing(examine(url, "some-key-or-other"))
    assert name == "access" and "Public access is disabled" in finding.found
    assert "closed to this network" in finding.remedy


def test_what_servers_say_is_shown_plainly():
    said = {"message": "\x1b[31mBad\x07 [bold]things[/bold]\n" + "x" * 500}
    with serving(lambda asked: Reply(said, 401)) as url:
        _, finding = failing(examine(url, "some-key-or-other"))
    assert finding.found.isprintable() and "[bold]things[/bold]" in finding.found and finding.found.endswith(" …")
