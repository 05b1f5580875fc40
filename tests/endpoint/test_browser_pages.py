"""Pages in a real browser: an allowed origin uses the endpoint, others neither read nor cause anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from browsing import chromium, needs_chromium
from mistral_on_azure.azure import http
from mistral_on_azure.endpoint.starting import LocalEndpoint, start

pytestmark = needs_chromium
REBOUND = "page.evil.example"  # a name that its owner let resolve to this machine
ASK = """async ([url, key, mode, type]) => {
    const headers = {"Authorization": "Bearer " + key, "Content-Type": type, "x-ms-client-request-id": "page"}
    const body = JSON.stringify({messages: [{role: "user", content: "How many languages are in the world?"}]})
    const plain = mode === "no-cors" ? {"Content-Type": type} : headers
    try {
        const answer = await fetch(url, {method: "POST", headers: plain, body, mode})
        return [answer.type, answer.status, await answer.text(), answer.headers.get("x-request-id")]
    } catch (error) {
        return ["error", 0, String(error), null]
    }
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[str, str]]:
    """Two origins with an empty page each."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Page) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tuple(f"http://localhost:{server.server_port}" for server in servers)
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser():
    with chromium(f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1") as running:
        yield running


@pytest.fixture
def endpoint(pages) -> Iterator[LocalEndpoint]:
    """An endpoint that lets in the pages of the first origin."""
    with start(allow_origin=[pages[0]]) as started:
        yield started


def calls(endpoint: LocalEndpoint) -> int:
    """How many requests of the key were answered."""
    return http.request("GET", f"{endpoint.url}/local/session", endpoint.keys[0]).json()["calls"]


def ask(browser, page: str, endpoint: LocalEndpoint, path="/v1/chat/completions", mode="cors", kind="application/json"):
    """What a script in a page gets from the endpoint: type, status, text and an id of the answer."""
    window = browser.new_page()
    try:
        window.goto(page)
        return window.evaluate(ASK, [endpoint.url + path, endpoint.keys[0], mode, kind])
    finally:
        window.close()


def test_a_page_of_the_allowed_origin_uses_the_endpoint(browser, pages, endpoint):
    kind, status, text, identifier = ask(browser, pages[0], endpoint)
    assert (kind, status) == ("cors", 200) and "7,000 languages" in json.loads(text)["choices"][0]["message"]["content"]
    assert identifier and calls(endpoint) == 1


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_page_of_another_origin_reads_and_causes_nothing(browser, pages, endpoint, mode, kind):
    """A request without a preflight arrives (`no-cors`), and is refused before anything is done with it."""
    answer = ask(browser, pages[1], endpoint, mode=mode, kind=kind)
    assert answer[0] in ("error", "opaque") and answer[1] == 0 and "languages" not in answer[2]
    ask(browser, pages[1], endpoint, "/local/faults", mode, kind)
    assert calls(endpoint) == 0
    assert http.request("GET", f"{endpoint.url}/local/faults", endpoint.keys[0]).json() == []


def test_without_the_option_no_page_is_let_in(browser, pages):
    with start() as endpoint:
        assert ask(browser, pages[0], endpoint)[0] == "error" and calls(endpoint) == 0


def test_a_rebound_name_gets_nothing(browser, endpoint):
    """The page and the endpoint have one origin then, so that no rule of the browser's is in the way."""
    port = endpoint.url.rpartition(":")[2]
    origin = f"http://{REBOUND}:{port}"
    window = browser.new_page()
    assert window.goto(origin + "/openapi.json").status == 403  # a document of that origin, where the script runs
    for path in ("/v1/chat/completions", "/local/session", "/openapi.json"):
        kind, status, text, _ = window.evaluate(ASK, [origin + path, endpoint.keys[0], "cors", "application/json"])
        assert (kind, status) == ("basic", 403) and REBOUND in json.loads(text)["message"]
    window.close()
    assert calls(endpoint) == 0
