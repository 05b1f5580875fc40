"""Every route: with and without an api-version, with slashes too many, and with what it does not take."""

from __future__ import annotations

import pytest
from asking import APPLICATION, CHAT_ROUTES, KEY, QUESTION, ROUTES, Got, chat, get, send
from raw import KEY as WIRE_KEY
from raw import connect, post, serving

from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.transport.exchange import Request, fields
from mistral_on_azure.endpoint.transport.reader import Limits

API_VERSIONS = SERVERLESS.api_versions
BODY = b'{"messages": [{"role": "user", "content": "Hello"}]}'
AZURE_ROUTES = [("GET", "/info"), ("GET", "/v1/models"), *(("POST", path) for path in CHAT_ROUTES)]
ALL = [(method, path) for path, methods in ROUTES.items() for method in methods]


def sent(method: str, path: str, **headers: str) -> Got:
    return send(method, path, BODY if method == "POST" else b"", headers)


@pytest.mark.parametrize(("method", "path"), AZURE_ROUTES)
@pytest.mark.parametrize("query", ["", "?", *(f"?api-version={version}" for version in API_VERSIONS)])
def test_with_and_without_an_api_version(method, path, query):
    assert sent(method, path + query).status == 200


@pytest.mark.parametrize(("method", "path"), AZURE_ROUTES)
@pytest.mark.parametrize(
    "query", ["api-version=", "api-version", "api-version=2023-05-15", "api-version=2024-05-01", "a=b&api-version=x"]
)
def test_an_api_version_that_does_not_exist(method, path, query):
    got = sent(method, f"{path}?{query}")
    assert (got.status, got.code, got.json["param"]) == (400, "unsupported_api_version", "api-version")
    assert API_VERSIONS[0] in got.message


@pytest.mark.parametrize(
    "query", ["x-api-version=1", "api-version-of-mine=1", f"a=b&api-version={API_VERSIONS[0]}&c", "API-VERSION=1"]
)
def test_other_parameters_are_none_of_its_business(query):
    assert sent("GET", f"/info?{query}").status == 200


def test_info_and_models():
    info = get("/info").json
    assert info == {
        "model_name": "mistralai-Mistral-7B-Instruct-v01",
        "model_type": "chat-completions",
        "model_provider_name": "MistralAI",
    }
    models = get("/v1/models").json
    assert models["object"] == "list"
    assert models["data"][0]["id"] == info["model_name"]
    assert len(models["data"]) == 4


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions/", "/chat/completions"),
        ("//chat/completions", "/chat/completions"),
        ("/v1//chat/completions", "/v1/chat/completions"),
        ("/v1/models/", "/v1/models"),
        ("//info", "/info"),
        ("/info//", "/info"),
    ],
)
def test_slashes_too_many_are_404_and_say_what_was_meant(path, meant):
    """What the service's gateway makes of them nobody documents: who relies on it here is not safe there."""
    got = sent("POST" if "chat" in path else "GET", path)
    assert (got.status, got.code) == (404, "not_found")
    assert f"it is {meant};" in got.message and "does not end in a slash" in got.message


@pytest.mark.parametrize(("path", "said"), [
    ("/v1", "base for the OpenAI SDK"),
    ("/v1/", "base for the OpenAI SDK"),
    ("/v1/completions", "Chat completions are at"),
    ("/score/chat/completions", "Chat completions are at"),
    ("/chat/completions/chat/completions", "Chat completions are at"),
    ("/openai/deployments/x/chat/completions", "Chat completions are at"),
    ("/", "There is no route / here."),
    ("/models/info", "There is no route /models/info here."),
])  # fmt: skip
def test_other_paths_are_404_and_helpful(path, said):
    got = sent("POST", path)
    assert (got.status, got.code) == (404, "not_found")
    assert said in got.message


def test_the_scoring_route_is_424():
    got = sent("POST", "/score")
    assert (got.status, got.code) == (424, "failed_dependency")
    assert "without '/score'" in got.message


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"])
def test_a_method_that_a_route_does_not_know(path, method):
    if method in ROUTES[path]:
        return
    got = send(method, path)
    assert (got.status, got.code) == (405, "method_not_allowed")
    assert got.headers["allow"] == ", ".join(ROUTES[path])


@pytest.mark.parametrize(("method", "path"), [pair for pair in ALL if not ROUTES[pair[1]][pair[0]].open])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "wrong"},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer wrong", "api-key": KEY},
        {"api-key": "wrong"},
        {"authorization": "Bearer eyJ.eyJ.x"},
    ],
)
def test_without_a_credential_nothing_but_401(method, path, headers):
    answer = APPLICATION.answer(Request(method, path, "", headers, BODY))
    assert answer.status == 401
    assert fields(answer.headers)["x-ms-error-code"] in ("unauthorized", "invalid_token")
    assert fields(answer.headers)["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", [*CHAT_ROUTES, "/local/session", "/local/timing"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_is_not_declared_as_json(path, kind):
    got = send("POST", path, BODY, {"content-type": kind})
    assert (got.status, got.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", "text/json"]
)
def test_a_body_that_is_declared_as_json(path, kind):
    assert send("POST", path, BODY, {"content-type": kind}).status == 200


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_a_compressed_body_is_refused(path):
    assert send("POST", path, BODY, {"content-encoding": "gzip"}).status == 415
    assert send("POST", path, BODY, {"content-encoding": "identity"}).status == 200


@pytest.mark.parametrize("path", [*CHAT_ROUTES, "/local/session"])
def test_json_that_is_none(path):
    got = send("POST", path, b'{"messages": ')
    assert (got.status, got.code) == (400, "invalid_json")
    assert got.message.startswith("The body is not valid JSON")


@pytest.mark.parametrize("path", CHAT_ROUTES)
async def test_a_body_over_the_limit(path):
    async with serving(limits=Limits(body=len(BODY))) as server:
        peer = await connect(server)
        authorized = {"authorization": f"Bearer {WIRE_KEY}"}
        assert (await peer.send(post(path, BODY, authorized)).get()).status == 200
        got = await peer.send(post(path, BODY + b" ", authorized)).get()
        assert (got.status, got["x-ms-error-code"], got.json()["code"]) == (413, "body_too_large", "body_too_large")
        assert got["connection"] == "close"


def test_every_error_has_the_shape_of_all_clients():
    """`error` for azure-core and the OpenAI SDK, the flat members of Azure's own errors, and one header."""
    got = chat(temperature=-1)
    body = got.json
    assert set(body) == {"status", "code", "message", "detail", "param", "type", "error"}
    assert body["error"] == {
        "code": body["code"],
        "message": body["message"],
        "param": "temperature",
        "type": body["code"],
    }
    assert got.headers["x-ms-error-code"] == body["code"]


def test_refused_and_answered_chats_say_what_is_left():
    for got in (
        chat(),
        chat(stream=True),
        chat(temperature=-1),
        chat(model="none"),
        send("POST", CHAT_ROUTES[0], b"x"),
    ):
        for name in ("requests", "tokens"):
            assert int(got.headers[f"x-ratelimit-remaining-{name}"]) <= int(got.headers[f"x-ratelimit-limit-{name}"])


def test_a_long_question_is_answered_like_a_short_one():
    """Long bodies are not remembered, so they take another way."""
    talk = [*QUESTION, {"role": "assistant", "content": "word " * 5_000}, *QUESTION]
    assert chat(talk).text == chat().text
