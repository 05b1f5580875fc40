"""The picture of the layers: what it shows is what the gateway and the container of the local endpoint answer."""

from __future__ import annotations

import io
import re
import struct

import openai
import pytest
import requests
from PIL import Image

from mistral_on_azure import plot_layers
from mistral_on_azure.azure import http
from mistral_on_azure.endpoint.gateway.managed import STATUS
from mistral_on_azure.endpoint.starting import start

CHAT, QUESTION = "/v1/chat/completions", [{"role": "user", "content": "How many languages are in the world?"}]
REFUSED = {
    "container": {
        "404 there is no such path": ("/v2", {}),
        "422 a field has the wrong type or range": (CHAT, {"messages": QUESTION, "temperature": -1}),
        "400 tools, JSON mode, extra parameters": (CHAT, {"messages": QUESTION, "tools": []}),
    },
    "engine": {
        "400 the roles do not alternate": (CHAT, {"messages": QUESTION * 2}),
        "400 the prompt is too long": (CHAT, {"messages": [{"role": "user", "content": "word " * 99_000}]}),
    },
}


@pytest.fixture(scope="module")
def managed():
    with start(kind="managed") as endpoint:
        yield endpoint


def test_the_plot_is_a_picture_with_words():
    plot = plot_layers()
    picture = plot.png()
    assert picture == plot.png() and picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (1200, 800)
    assert re.search(r'<img alt="[^"]{200,}" width="600"', plot._repr_html_())
    with Image.open(io.BytesIO(picture)) as drawn:
        assert len(drawn.convert("RGB").crop((1190, 0, 1200, 800)).getcolors()) == 1  # no line is cut off on the right
    for layer in plot.layers:
        for line in (layer.name, layer.role, *layer.statuses):
            assert line in plot.alt and line in repr(plot)


def test_what_the_client_does_holds_for_an_sdk_and_for_requests(managed):
    assert plot_layers().layers[0].statuses == ("an SDK raises an exception", "curl and requests do not")
    body = {"model": "any", "messages": QUESTION * 2}
    client = openai.OpenAI(base_url=f"{managed.url}/v1", api_key=managed.keys[0])
    with client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(**body)
    headers = {"Authorization": f"Bearer {managed.keys[0]}"}
    assert requests.post(managed.url + CHAT, json=body, headers=headers, timeout=10).status_code == 424


def test_each_refusal_of_the_container_and_the_engine_is_in_the_picture():
    shown = {layer.name: set(layer.statuses) for layer in plot_layers().layers}
    assert {name: set(refused) for name, refused in REFUSED.items()} == {name: shown[name] for name in REFUSED}


@pytest.mark.parametrize("line", [line for refused in REFUSED.values() for line in refused])
def test_the_gateway_wraps_what_the_picture_names(managed, line):
    path, body = {**REFUSED["container"], **REFUSED["engine"]}[line]
    answer = http.request("POST", managed.url + path, managed.keys[0], body)
    assert (answer.status, answer.headers[STATUS]) == (424, line.split()[0])


def test_a_wrong_key_is_refused_by_the_gateway_itself(managed):
    answer = http.request("POST", managed.url + CHAT, "wrong", {"messages": QUESTION})
    assert answer.status == 401 and STATUS not in answer.headers
