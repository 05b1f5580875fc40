"""The kind of deployment, what each kind refuses and what to do here, and limits of concurrency."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from examining import examine, failing
from openai_engine import Engine, completion

from local_endpoint import Local
from mistral_on_azure.doctor.examination import Finding, Status
from mistral_on_azure.doctor.first_requests import AT_ONCE
from mistral_on_azure.doctor.report import Report
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from servers import Asked, Reply, serving

KEY = "the-key-of-an-engine"
NOT_FOUND = Reply({"error": {"code": "404", "message": "Resource not found"}}, 404)


@pytest.fixture(scope="module")
def managed() -> Iterator[LocalEndpoint]:
    """Managed compute with its default limits: two requests under way."""
    with start(["a" * 32, "b" * 32], kind="managed", timing="first_token=0.3;tokens_per_second=200") as running:
        yield running


@pytest.fixture(scope="module")
def reports(managed) -> dict[str, Report]:
    names = {"a" * 32: "mistralai-Mistral-7B-Instruct-v01", "b" * 32: "mistralai-Mixtral-8x22B-Instruct-v0-1"}
    for key, name in names.items():  # requests cannot choose: `model` is ignored on managed compute
        Local(managed.url, key).session(deployment=name)
    return {name: examine(managed.url, key) for key, name in names.items()}


def test_managed_compute(reports):
    for report in reports.values():
        kind = report.findings["kind"]
        assert kind.status is Status.OK and kind.found.startswith("managed compute, from the answer to /info")
        assert not report.failed
    small = reports["mistralai-Mistral-7B-Instruct-v01"].findings["kind"].found
    assert "for mistralai-Mistral-7B-Instruct-v01 it is offered (" in small  # by the container's names in /info


def test_a_template_without_a_system_role(reports):
    """7B v01's refuses the role; the remedy is a message that can be sent instead."""
    finding = reports["mistralai-Mistral-7B-Instruct-v01"].findings["system message"]
    assert finding.status is Status.NOTE and finding.found.startswith("refused (400 inside a 424): ")
    assert "into the first user message" in finding.remedy


def test_what_the_container_refuses(reports):
    findings = reports["mistralai-Mixtral-8x22B-Instruct-v0-1"].findings
    for name, remedy in {"JSON mode": "in the prompt", "tools": "in the prompt", "/v1/models": ""}.items():
        assert "inside a 424" in findings[name].found and remedy in findings[name].remedy, (name, findings[name])
    assert "Tools and tool_choice are not supported." in findings["tools"].found


def test_the_limit_of_managed_compute(reports):
    for report in reports.values():
        finding = report.findings["concurrency"]
        assert finding.status is Status.NOTE
        assert finding.found == "of 3 calls at once, 1 refused with 429 (too_many_pending_request, empty body)"
        assert "at most 2 calls under way" in finding.remedy and "stream" in finding.remedy
        assert "max_concurrent_requests_per_instance or more instances" in finding.remedy
        assert "no Retry-After comes" in finding.remedy


def test_calls_at_once_that_are_all_answered(local):
    said = "3 calls at once are answered (3 calls made for this{})"
    finding = examine(local.url, local.key).findings["concurrency"]
    assert finding.status is Status.OK
    assert finding.found in (
        said.format(""),
        said.format("; the answers came so fast that they may not have overlapped"),
    )
    with start(timing="first-token=0.2") as slower:
        finding = examine(slower.url, slower.keys[0]).findings["concurrency"]
    assert finding.status is Status.OK and finding.found == said.format("")


def limited(most: int, refusal: Reply) -> Callable[[Asked], Reply]:
    """An engine that refuses more than `most` requests under way, and answers none before the doctor's three came."""
    engine, lock = Engine(KEY), threading.Lock()
    under_way = 0

    def answer(asked: Asked) -> Reply:
        nonlocal under_way
        with lock:
            under_way += 1
            if under_way > most:
                under_way -= 1
                return refusal
        time.sleep(0.3 if "Count" in str(asked.body.get("messages")) else 0)
        reply = engine(asked)
        with lock:
            under_way -= 1
        return reply

    return answer


def look(answer: Callable[[Asked], Reply]) -> Finding:
    with serving(answer) as url:
        report = examine(url, KEY)
    assert not report.failed
    return report.findings["concurrency"]


def test_a_gateway_that_says_when_to_try_again():
    refusal = Reply(None, 429, {"retry-after": "1"}, parts=(b"",))
    finding = look(limited(2, refusal))
    assert finding.found == "of 3 calls at once, 1 refused with 429 (empty body, Retry-After: 1)"
    assert finding.remedy.endswith("Repeat what was refused.") and "On managed compute" in finding.remedy
    assert "at most one call under way" in look(limited(1, refusal)).remedy


def test_a_quota_of_a_minute_is_no_limit_of_concurrency():
    headers = {"x-ratelimit-remaining-tokens": "0"}
    finding = look(limited(2, Reply({"error": {"message": "Too many tokens."}}, 429, headers)))
    assert "Too many tokens." in finding.found and "quota of a minute" in finding.remedy


def test_a_call_of_several_that_gets_no_answer():
    slow = threading.Lock()

    def one_by_one(asked: Asked) -> Reply:
        if "Count from one" in str(asked.body.get("messages")) and "stream" not in asked.body:
            with slow:
                time.sleep(0.8)
                return completion()
        return Engine(KEY)(asked)

    with serving(one_by_one) as url:
        finding = examine(url, KEY, timeout=2.0).findings["concurrency"]
    assert finding.status is Status.NOTE and "1 got no answer within" in finding.found and "at most 2" in finding.remedy


def test_the_calls_are_bounded():
    asked = []

    def counting(request: Asked) -> Reply:
        asked.append(request)
        return Engine(KEY)(request)

    with serving(counting) as url:
        report = examine(url, KEY)
    counts = [each for each in asked if each.body.get("max_tokens") == 8]
    assert len(counts) == AT_ONCE == 3 and report.examination.calls == len(asked)


def resource(asked: Asked) -> Reply:
    """A Foundry resource with one deployment."""
    if asked.path == "/openai/v1/models":
        return Reply({"data": [{"id": "Mistral-Large-3"}, {"id": "Ministral-3B"}]})
    if asked.path not in ("/models/chat/completions", "/openai/v1/chat/completions"):
        return NOT_FOUND
    if asked.body.get("model") != "Mistral-Large-3":
        error = {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}
        return Reply({"error": error}, 404)
    return completion()


def test_a_foundry_resource():
    with serving(resource) as url:
        report = examine(url, KEY, deployment="Mistral-Large-3")
        also = examine(f"{url}/openai/v1", KEY, deployment="Mistral-Large-3")
        name, finding = failing(examine(url, KEY, deployment="mistral-7b"))
    assert not report.failed and not also.failed
    assert report.findings["kind"].found.startswith("Foundry resource, from the answer to /info")
    assert also.findings["kind"].found.startswith("Foundry resource, from the address")
    assert report.findings["chat routes"].found.startswith("all answer: /models/chat/completions (curl and requests, ")
    assert "for Mistral-Large-3 it is offered (" in report.findings["kind"].found
    assert "/openai/v1/chat/completions (curl and requests, OpenAI SDK" in report.findings["chat routes"].found
    assert name == "chat routes" and "Set --deployment to one of: Mistral-Large-3, Ministral-3B" in finding.remedy


def test_an_engine_of_ones_own():
    with serving(Engine(KEY)) as url:
        assert "no kind of Azure's" in examine(url, KEY).findings["kind"].found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "System role not supported."}, "System role not supported."),
        (
            {
                "error": {
                    "code": "Bad Request",
                    "status": 400,
                    "message": '{"message": "Conversation roles must alternate"}',
                }
            },
            "(400 inside a 424): Conversation roles must alternate",
        ),
        (
            {
                "error": {
                    "message": "invalid input error",
                    "details": [{"loc": ["messages", 0], "type": "literal_error"}],
                }
            },
            "invalid input error: messages.0 literal_error",
        ),
    ],
)
def test_the_containers_shapes_of_errors(body, said):
    def no_system(asked: Asked) -> Reply:
        if asked.path != "/v1/chat/completions" or asked.body["messages"][0]["role"] != "system":
            return Engine(KEY)(asked)
        return Reply(body, 424, {"ms-azureml-model-error-statuscode": "400"})

    with serving(no_system) as url:
        finding = examine(url, KEY).findings["system message"]
    assert said in finding.found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machine 127.0.0.1 login me password something", "an entry for 127.0.0.1"),  # pragma: allowlist secret
        ("default login me password something", "a default entry"),  # pragma: allowlist secret
        ("machine api.example login me password something", "no entry for 127.0.0.1"),  # pragma: allowlist secret
        ("machine 127.0.0.1 oops", "cannot be read (line 2)"),
    ],
)
def test_a_netrc_file(local, monkeypatch, tmp_path: Path, text, said):
    file = tmp_path / "a-netrc"
    file.write_text(f"{text}\n")
    monkeypatch.setenv("NETRC", str(file))
    finding = examine(local.url, local.key).findings["netrc"]
    assert said in finding.found and "something" not in finding.found + finding.remedy
    assert finding.status is (Status.OK if "no entry" in said else Status.NOTE)
