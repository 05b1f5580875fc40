"""connect() on each kind of deployment: the kind that it finds, the addresses that it sets, and the model's name."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, ENGINE, OPENAI_ENDPOINT, TOKEN_SCOPE
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook import connecting
from mistral_on_azure.notebook.connecting import (
    answers_are_scripted,
    connect,
    current,
    local_endpoint,
    use_entra_id,
    use_key,
)
from servers import Asked, Reply, serving, talking

KEY = "k" * 32
NOT_FOUND = Reply({"error": {"code": "404", "message": "Resource not found"}}, 404)


pytestmark = pytest.mark.usefixtures("unconnected")


@pytest.fixture
def notebook(monkeypatch) -> ModuleType:
    """A notebook's variables, with the parameter `model` at its default."""
    module = ModuleType("__main__")
    module.model = default_name()
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


@pytest.fixture(scope="module")
def managed() -> Iterator[LocalEndpoint]:
    with start(kind="managed") as running:
        yield running


def connected(url: str, key: str, **given: str) -> tuple[str, str, str]:
    """The variables that connect() leaves: both addresses and the scope."""
    os.environ[CREDENTIAL] = key
    connect(url, **given)
    return os.environ[ENDPOINT], os.environ[OPENAI_ENDPOINT], os.environ[TOKEN_SCOPE]


def of_deployment(url: str) -> tuple[str, str, str]:
    return url, f"{url}/v1", "https://ml.azure.com/.default"


def of_resource(url: str) -> tuple[str, str, str]:
    return f"{url}/models", f"{url}/openai/v1", "https://ai.azure.com/.default"


def test_the_serverless_line_is_as_it_was(local, capsys):
    assert connected(local.url, local.key) == of_deployment(local.url)
    assert capsys.readouterr().out == f"Local endpoint, serving {default_name()}\n"


def test_managed_compute(managed, capsys):
    name = "mistralai-Mixtral-8x7B-Instruct-v01"
    assert connected(managed.url, managed.keys[0], model=name) == of_deployment(managed.url)
    assert capsys.readouterr().out == f"Local endpoint (managed compute), serving {name}\n"
    use_entra_id()
    secure = os.environ[ENDPOINT]
    assert secure.startswith("https://") and os.environ[OPENAI_ENDPOINT] == f"{secure}/v1"
    use_key()
    assert (os.environ[ENDPOINT], os.environ[OPENAI_ENDPOINT]) == of_deployment(managed.url)[:2]


def test_a_foundry_resource_is_told_by_the_body_of_its_404(notebook, capsys):
    asked = []

    def resource(request: Asked) -> Reply:
        asked.append((request.path, request.headers["authorization"]))
        listed = Reply({"data": [{"id": "Mistral-Large-3"}, {"id": "Ministral-3B"}]})
        return listed if request.path == "/openai/v1/models" else NOT_FOUND

    with serving(resource) as url:
        assert connected(url, KEY) == of_resource(url)
        assert asked == [("/info", f"Bearer {KEY}"), ("/openai/v1/models", f"Bearer {KEY}")]
        connect()  # the cell is executed again
        assert os.environ[ENDPOINT] == f"{url}/models" and current().url == url
        assert connected(f"{url}/openai/v1", KEY) == of_resource(url)
        assert connected(f"{url}/models", KEY, kind="foundry") == of_resource(url)
    assert capsys.readouterr().out == f"{url} (Foundry resource), serving {default_name()}\n" * 4
    assert notebook.model == default_name()


@pytest.mark.parametrize("path", ["/openai/v1", "/OpenAI/V1/"])
def test_the_answer_overrules_a_path_that_was_pasted(local, managed, path):
    assert connected(local.url + path, local.key) == of_deployment(local.url)
    name = "mistralai-Mixtral-8x7B-Instruct-v01"
    assert connected(managed.url + path, managed.keys[0], model=name) == of_deployment(managed.url)


def test_kind_overrules_the_answer(local):
    assert connected(local.url, local.key, kind="foundry") == of_resource(local.url)
    with pytest.raises(CookbookError, match="no kind 'batch'"):
        connect(local.url, kind="batch")


@pytest.mark.parametrize(
    ("provider", "name"),
    [("mistral", "mistralai-Mistral-7B-Instruct-v02"), ("", "mistralai-Mistral-7B-Instruct-v01")],
)
def test_the_container_of_managed_compute_uses_other_names(notebook, capsys, provider, name):
    info = {"model_type": "chat-completion", "model_provider_name": provider}
    info["model_name"] = "mistralai/Mistral-7B-Instruct-v0.2"
    with serving(lambda asked: Reply(info)) as url:
        assert connected(url, KEY) == of_deployment(url)
    assert capsys.readouterr().out.startswith(f"{url} (managed compute), serving {name}")
    assert notebook.model == name


@pytest.mark.parametrize("cause", ["404", "500"])
def test_the_gateway_of_managed_compute_wraps_what_the_container_refuses(notebook, capsys, cause):
    wrapped = Reply({"detail": "?"}, 424, {"ms-azureml-model-error-statuscode": cause})
    with serving(lambda asked: wrapped) as url:
        assert connected(url, KEY) == of_deployment(url)
    assert capsys.readouterr().out == f"{url} (managed compute), serving {default_name()}\n"


def engine(*models: str):
    """A server that has no /info and lists its models."""

    def answer(asked: Asked) -> Reply:
        listed = Reply({"object": "list", "data": [{"id": name} for name in models]})
        return listed if asked.path == "/v1/models" else Reply({"detail": "Not Found"}, 404)

    return answer


def test_the_only_name_of_a_model_is_taken(notebook, capsys):
    with serving(engine("mistral")) as url:
        connected(url, KEY)
    assert notebook.model == current().model == "mistral"
    assert capsys.readouterr().out == f"{url}, serving mistral; the parameter model has this name now\n"


def test_a_name_that_somebody_chose_stays(notebook, capsys):
    notebook.model = "another"
    with serving(engine("mistral")) as url:
        connected(url, KEY, model="another")
    assert notebook.model == "another"
    assert capsys.readouterr().out == f"{url}, serving another\n"


def test_of_several_models_none_is_taken(notebook):
    with serving(engine("mistral", "llama")) as url:
        connected(url, KEY)
    assert notebook.model == default_name()


def test_a_local_endpoint_of_its_own_has_the_options_and_leaves_the_environment_alone():
    before = dict(os.environ)
    with local_endpoint("managed", concurrent=3) as there:
        answer = http.request("GET", f"{there[ENDPOINT]}/info", there[CREDENTIAL])
        assert answer.status == 200 and answer.json()["model_type"] == "chat-completion"
    assert dict(os.environ) == before
    with pytest.raises(CookbookError), local_endpoint(minute=0):
        pass


def test_an_engine_of_the_environment_is_behind_the_local_endpoint(monkeypatch, capsys):
    """As `cookbook lab --engine` and `cookbook ask --engine` leave it."""
    with serving(lambda asked: Reply({"data": [{"id": "tiny"}]})) as url:
        monkeypatch.setenv(ENGINE, url)
        connect(model=default_name())
        assert not answers_are_scripted() and "whose answers are those of tiny" in capsys.readouterr().out
        connecting._started.stop()


def test_another_local_endpoint_is_left_for_one_of_its_own(local, monkeypatch, capsys):
    for _ in range(2):
        monkeypatch.setenv(ENDPOINT, local.url)
        monkeypatch.setenv(CREDENTIAL, local.key)
        connect()
        monkeypatch.delenv(ENDPOINT)
        monkeypatch.delenv(CREDENTIAL)
        connect()  # starts one, whose address and key it sets
    assert os.environ[ENDPOINT] != local.url and os.environ[CREDENTIAL] != local.key
    assert capsys.readouterr().out.count("Local endpoint, serving") == 4


@pytest.mark.parametrize(
    ("piece", "every", "why"), [(b" " * 100_000, 0.0, "more than 64,000,000 bytes"), (b" ", 0.02, "within 0.2 s")]
)
def test_a_server_whose_answer_never_ends_is_left(monkeypatch, piece, every, why):
    monkeypatch.setattr(http, "TIMEOUT", 0.2 if every else 60.0)

    def endless(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(piece)
            time.sleep(every)

    os.environ[CREDENTIAL] = KEY
    with talking(endless) as port, pytest.raises(CookbookError, match=why):
        connect(f"http://127.0.0.1:{port}")
