"""A user's mistake gets one clear line that says what to change, and never waits long."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from types import ModuleType

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, check_endpoint
from mistral_on_azure.azure.credentials import check_credential
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook import connecting
from mistral_on_azure.notebook.connecting import connect, use_entra_id

HOST = "https://my-host.eastus2.inference.ai.azure.com"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("my-host.eastus2.inference.ai.azure.com", f"no scheme. Set it to {HOST}"),
        (f"{HOST}/", f"ends in a slash. Set it to {HOST}"),
        (f"{HOST}/score", f"ends in /score, which is a route and not part of the endpoint. Set it to {HOST}"),
        (f"{HOST}/v1", f"ends in /v1, which is a route and not part of the endpoint. Set it to {HOST}"),
        (f"{HOST}/v1/", f"ends in /v1, which is a route and not part of the endpoint. Set it to {HOST}"),
        (f"{HOST}/models", f"Set it to {HOST}"),
        (
            f"{HOST}/chat/completions",
            f"ends in /chat/completions, which is a route and not part of the endpoint. Set it to {HOST}",
        ),
        (f"{HOST}/v1/chat/completions", f"Set it to {HOST}"),
        (f"{HOST}/chat/completions?api-version=1", f"has a query or fragment. Set it to {HOST}"),
        (f"{HOST}?", f"has a query or fragment. Set it to {HOST}"),
        (f"{HOST}#", f"has a query or fragment. Set it to {HOST}"),
        ("https://@my-host.com", "holds a user name or password"),
        (f" {HOST}\n", f"spaces or a line break around it. Set it to {HOST}"),
        ("http://my-host.eastus2.inference.ai.azure.com", "Use https."),
        ("https://user:secret@my-host.com", "holds a user name or password"),  # pragma: allowlist secret
        ("ftp://my-host.com", "is no web address"),
        (
            f"{HOST}/openai/v1/chat/completions",
            f"ends in /openai/v1/chat/completions, which is a route and not part of the endpoint. Set it to {HOST}",
        ),
        (
            f"{HOST}/openai/deployments/mistral",
            f"/openai/deployments/mistral, which is a route and not part of the endpoint. Set it to {HOST}",
        ),
        (f"{HOST}/openai/deployments/m/chat/completions?api-version=1", f"has a query or fragment. Set it to {HOST}"),
        (f"{HOST}/v1/models", f"ends in /v1/models, which is a route and not part of the endpoint. Set it to {HOST}"),
        (f"{HOST}/SCORE", f"ends in /SCORE, which is a route and not part of the endpoint. Set it to {HOST}"),
        (f"{HOST}/V1/Chat/Completions/", f"Set it to {HOST}"),
        (f"{HOST}/swagger.json", f"Set it to {HOST}"),
        (f"{HOST}/v1/responses", f"Set it to {HOST}"),
        (f"HTTP://{HOST[8:]}", "Use https."),
        (f"'{HOST}/score?x=1' ", f"spaces or a line break around it. Set it to {HOST}"),
        (f"<{HOST}>", f"has brackets or a comma around it. Set it to {HOST}"),
        (f"{HOST};", f"has brackets or a comma around it. Set it to {HOST}"),
        (f'export {ENDPOINT}="{HOST}"', f"has something in front of the address. Set it to {HOST}"),
        (f"Target URI: {HOST}/score", f"Set it to {HOST}"),
        (f"{HOST}\u200b", f"has an invisible character in it. Set it to {HOST}"),
        (HOST.replace("-", "\u2011"), "is no web address"),
        (HOST.replace("//", "/"), f"whose scheme is cut. Set it to {HOST}"),
        (HOST.replace("://", "//"), f"whose scheme is cut. Set it to {HOST}"),
        ("https.example.com", "has no scheme. Set it to https://https.example.com"),
        ('""', "is empty or not set"),
        ("https://ai.azure.com/resource/deployments/m?wsid=/subscriptions/1", "is the portal's address. Copy the"),
        (
            "https://your-host-name.your-azure-region.inference.ai.azure.com/score",
            "is the example's address. Set it to",
        ),
    ],
)
def test_a_url_of_the_wrong_shape(url, said):
    with pytest.raises(CookbookError) as caught:
        check_endpoint(url)
    message = str(caught.value)
    assert message.startswith(ENDPOINT) and said in message and "\n" not in message and "secret" not in message
    assert not message.endswith("/")


@pytest.mark.parametrize(
    "url", [HOST, "http://127.0.0.1:8000", "http://localhost:8000", f"{HOST}:8443", f"{HOST}/prefix"]
)
def test_a_url_of_the_right_shape(url):
    assert check_endpoint(url) == url


@pytest.mark.parametrize("url", [HOST.upper(), HOST.replace("my-host", "My-Host"), f"{HOST.upper()}/OpenAI/V1/"])
def test_capitals_in_a_hosts_name_do_not_matter(url):
    assert check_endpoint(url) == HOST


@pytest.mark.parametrize("key", ["", " ", "abc\n", " abc", "ab c", "ab\tc", "schlüssel", "a\x00b"])
def test_a_key_that_cannot_be_sent(key):
    with pytest.raises(CookbookError) as caught:
        check_credential(key)
    message = str(caught.value)
    assert message.startswith(CREDENTIAL) and "\n" not in message
    assert not key.strip() or key.strip() not in message


def refused(endpoint: str = "", model: str = "", within: float = 15.0) -> str:
    """What connect() says, which must be one line."""
    began = time.monotonic()
    with pytest.raises(CookbookError) as caught:
        connect(endpoint, model)
    assert time.monotonic() - began < within
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_key(local, monkeypatch):
    monkeypatch.setenv(CREDENTIAL, "f" * 32)
    said = refused()
    assert CREDENTIAL in said and "401" in said and "f" * 32 not in said


def test_a_key_that_is_said_again_where_it_is_refused(monkeypatch):
    key = "a-key-that-nobody-knows"
    monkeypatch.setenv(CREDENTIAL, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def echo() -> None:
            peer, _ = listener.accept()
            with peer:
                said = json.dumps({"message": f"Refused:\n{peer.recv(10_000).decode()}"}).encode()
                head = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: %d\r\n\r\n" % len(said)
                peer.sendall(head + said)

        threading.Thread(target=echo, daemon=True).start()
        said = refused(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert "Authorization: Bearer ***" in said and key not in said


def test_an_unknown_deployment_names_the_known_ones(local):
    assert "mistralai-Mixtral-8x22B-Instruct-v0-1" in refused(model="mistral-small")


def test_http_with_entra_id(local, monkeypatch):
    monkeypatch.delenv(CREDENTIAL)
    said = refused()
    assert "must not travel over plain http" in said and CREDENTIAL in said


def test_settings_for_entra_id_that_cannot_be_right(monkeypatch):
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "not one!")
    said = refused("https://127.0.0.1:9")
    assert said.startswith(f"{CREDENTIAL} is not set, and the settings for Microsoft Entra ID cannot be right: ")
    assert "tenant" in said and "not one!" not in said


@pytest.mark.parametrize(
    ("secure", "why"),
    [
        ("http://127.0.0.1:1", "a token must not travel over plain http"),
        ("https://127.0.0.1:1", "no identity was found; `az login` gives you one"),
    ],
)
def test_entra_id_that_cannot_be_used_while_there_is_a_key(local, monkeypatch, capsys, secure, why):
    connect()
    monkeypatch.setattr(connecting.current(), "local", {})  # an endpoint as any other
    monkeypatch.setenv("COOKBOOK_SECURE_ENDPOINT", secure)
    monkeypatch.setenv("IDENTITY_HEADER", "nobody")
    capsys.readouterr()
    assert not use_entra_id()
    assert capsys.readouterr().out == f"Microsoft Entra ID: not used here, the key stays in use: {why}.\n"
    assert os.environ[ENDPOINT] == local.url and os.environ[CREDENTIAL] == local.key


def test_an_endpoint_that_is_down(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv(CREDENTIAL, "k" * 32)
        said = refused(url)
    assert said.startswith(f"Nothing answers at {url}") and ENDPOINT in said
    assert said.endswith("`cookbook doctor` looks for the cause.")


def test_an_endpoint_that_hangs(monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", 1.0)
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = refused(f"http://127.0.0.1:{mute.getsockname()[1]}", within=5)
    assert "did not answer within 1 s" in said


def test_an_endpoint_that_speaks_no_http(monkeypatch):
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            peer, _ = listener.accept()
            peer.recv(100)
            peer.sendall(b"220 mail.example ready\r\n")
            peer.close()

        threading.Thread(target=babble, daemon=True).start()
        assert "Nothing answers" in refused(f"http://127.0.0.1:{listener.getsockname()[1]}")


def test_a_host_that_does_not_exist(monkeypatch):
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    assert ENDPOINT in refused("https://no-such-host.invalid")


def test_a_certificate_nobody_vouches_for(local, monkeypatch):
    secure = local.session()["https_endpoint"]
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert "certificate" in refused(secure)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none(monkeypatch, tmp_path, content):
    file = tmp_path / "authorities.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    said = refused("https://127.0.0.1:9")
    assert said.startswith(f"SSL_CERT_FILE is '{file}', which holds no certificates") and "unset it" in said


def test_the_local_endpoints_key_and_identity_are_shown_to_no_other(monkeypatch):
    trusted = os.environ["SSL_CERT_FILE"]
    for name in ("_current", "_started"):
        monkeypatch.setattr(connecting, name, None)
    connect()
    try:
        assert os.environ["IDENTITY_ENDPOINT"] and os.environ["SSL_CERT_FILE"] != trusted
        os.environ[ENDPOINT] = "http://127.0.0.1:9"
        assert refused().startswith(f"{CREDENTIAL} is not set")
    finally:
        connecting._started.stop()
    assert "IDENTITY_ENDPOINT" not in os.environ and os.environ["SSL_CERT_FILE"] == trusted


def test_a_key_without_an_endpoint(monkeypatch, unconnected):
    monkeypatch.setenv(CREDENTIAL, "k" * 32)
    assert f"{CREDENTIAL} is set but {ENDPOINT} is not" in refused()


@pytest.mark.parametrize(
    ("name", "kind", "value", "said"),
    [
        ("temperature", float, "hot", "temperature must be a number, not 'hot'"),
        ("max_tokens", int, 1.5, "max_tokens must be a whole number, not 1.5"),
        ("model", str, 7, "model must be text, not 7"),
        ("max_tokens", int, True, "max_tokens must be a whole number, not True"),
    ],
)
def test_a_parameter_of_the_wrong_type(monkeypatch, name, kind, value, said):
    notebook = ModuleType("__main__")
    notebook.__annotations__ = {name: kind}
    setattr(notebook, name, value)
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    assert said in refused()


def test_a_number_without_a_point_is_a_number_too(monkeypatch, local):
    notebook = ModuleType("__main__")
    notebook.__annotations__ = {"temperature": float}
    notebook.temperature = 1
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    connect()


def test_jupyter_shows_one_line():
    assert CookbookError("What is wrong.")._render_traceback_() == ["What is wrong."]


def test_a_key_that_is_set_stays_as_it_is(local):
    connect()
    assert (os.environ[ENDPOINT], os.environ[CREDENTIAL]) == (local.url, local.key)
