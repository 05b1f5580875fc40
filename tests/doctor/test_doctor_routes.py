"""Routes, the deployment's name and the api-version."""

from __future__ import annotations

from examining import examine, failing
from openai_engine import MODEL, Engine, completion, stream

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.doctor.examination import Status
from servers import Asked, Reply, serving

LARGE = "mistralai-Mixtral-8x22B-Instruct-v0-1"
KEY = "the-key-of-an-engine"


def test_the_local_endpoint_has_all_of_them(local):
    report = examine(local.url, local.key)
    assert report.findings["/info"].found == "serves mistralai-Mistral-7B-Instruct-v01"
    assert LARGE in report.findings["/v1/models"].found
    assert report.findings["chat routes"].found.startswith("all answer: /chat/completions (curl and requests, ")
    assert report.findings["api-version"].found == f"{API_VERSION} is accepted; none is needed"
    assert report.findings["deployment"].found == "mistralai-Mistral-7B-Instruct-v01 answers"


def test_the_deployment_that_was_asked_for(local):
    report = examine(local.url, local.key, deployment=LARGE)
    assert report.findings["deployment"].found == f"{LARGE} answers"
    assert report.findings["tools"].found == "calls get_weather"


def test_an_engine_with_v1_only():
    with serving(Engine(KEY)) as url:
        report = examine(url, KEY)
    assert not report.failed
    assert report.findings["/info"].status is Status.NOTE and "get_model_info()" in report.findings["/info"].found
    assert report.findings["/v1/models"].found == f"lists {MODEL}"
    routes = report.findings["chat routes"]
    assert routes.status is Status.NOTE and routes.found.startswith("answer: /v1/chat/completions (curl and requests, ")
    assert "Missing: /chat/completions (curl and requests, " in routes.found and routes.remedy
    assert report.findings["api-version"].found == "/v1/chat/completions takes none"


def test_an_engine_that_names_no_models():
    def chat_only(asked: Asked) -> Reply:
        return Engine()(asked) if "chat" in asked.path else Reply({"detail": "Not Found"}, 404)

    with serving(chat_only) as url:
        report = examine(url, KEY)
    assert not report.failed and report.findings["/v1/models"].status is Status.NOTE
    assert (
        report.findings["access"].found == "the key was not refused; the chat routes below show whether it is accepted"
    )


def test_a_gateway_that_refuses_what_it_does_not_know():
    def gateway(asked: Asked) -> Reply:
        return Engine(KEY)(asked) if asked.path.startswith("/v1/") else Reply({"message": "Forbidden"}, 403)

    with serving(gateway) as url:
        report = examine(url, KEY)
    assert not report.failed and report.findings["/info"].status is Status.NOTE
    assert "Missing: /chat/completions" in report.findings["chat routes"].found


def test_a_deployment_that_is_not_ready():
    with serving(lambda asked: Reply({"message": "Warming up."}, 503)) as url:
        name, finding = failing(examine(url, KEY))
    assert name == "HTTP" and "503: Warming up." in finding.found and "not ready" in finding.remedy


def test_a_deployment_whose_name_is_ignored():
    with serving(Engine(KEY)) as url:
        finding = examine(url, KEY, deployment="what-was-asked-for").findings["deployment"]
    assert finding.status is Status.NOTE and f"{MODEL} answers, though what-was-asked-for" in finding.found
    assert finding.remedy.startswith(f"Name {MODEL}.")


def test_the_deployment_behind_a_managed_endpoint():
    def blue(asked: Asked) -> Reply:
        reply = completion()
        reply.body.pop("model")
        reply.headers["azureml-model-deployment"] = "blue"
        return reply

    with serving(Engine(KEY, blue)) as url:
        finding = examine(url, KEY).findings["deployment"]
    assert finding.status is Status.NOTE and finding.found.endswith("(deployment blue)")


def azure(asked: Asked, needed: str) -> Reply:
    """An Azure route that wants one api-version."""
    if asked.path != "/chat/completions":
        return Reply({"error": {"code": "404", "message": "Resource not found"}}, 404)
    if asked.query != f"api-version={needed}":
        return Reply({"error": {"code": "BadRequest", "message": f"API version not supported: {asked.query}"}}, 400)
    return completion()


def test_an_api_version_that_is_needed():
    with serving(lambda asked: azure(asked, API_VERSION)) as url:
        report = examine(url, KEY)
    finding = report.findings["api-version"]
    assert not report.failed and finding.status is Status.NOTE and "one is needed" in finding.found
    assert "LiteLLM" in finding.remedy


def test_an_api_version_that_is_not_taken():
    with serving(lambda asked: azure(asked, "2031-01-01")) as url:
        report = examine(url, KEY)
    assert report.failed == ["chat routes"] and API_VERSION in report.findings["chat routes"].found
    assert "api_version" in report.findings["chat routes"].remedy


def test_an_api_version_that_info_does_not_take():
    def info(asked: Asked) -> Reply:
        if asked.path != "/info":
            return Engine()(asked)
        return Reply({"message": "No such version."}, 400) if asked.query else Reply({"model_name": "some-model"})

    with serving(info) as url:
        finding = examine(url, KEY).findings["api-version"]
    assert finding.status is Status.NOTE and "No such version." in finding.found and "api_version=" in finding.remedy


def test_answers_of_strange_shapes():
    """Whatever JSON comes, the doctor itself does not fail (`examine` looks)."""
    odd = [{"choices": [7], "model": [7]}, {"choices": [{"message": 7}], "usage": {"prompt_tokens": "7"}}]
    for body in (None, [], 7, "text", {"choices": []}, {"choices": 7, "usage": 7}, *odd):
        with serving(Engine(KEY, lambda asked, body=body: Reply(body))) as url:
            examine(url, KEY)
    for event in (7, [], {"choices": 7, "usage": 7}, {"choices": [7]}, {"error": 7}, b"data: {\n\n", b"data\n\n"):
        with serving(Engine(KEY, lambda asked, event=event: stream(event) if "stream" in asked.body else None)) as url:
            examine(url, KEY)
    for body in ([], {"data": 7}, {"data": [7]}, {"model_name": 7}, {"data": [{"id": "\x1b[31m" + "x" * 9000}]}):
        with serving(lambda asked, body=body: Reply(body)) as url:
            examine(url, KEY)
