"""What a door does with requests that are not the job's, and with request lines that name another host."""

from __future__ import annotations

import json
import select
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from upstream import KEY, Notebook, Upstream

from mistral_on_azure.azure.addresses import CREDENTIAL, is_path, refusal
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording import doors
from mistral_on_azure.recording.tape import Recorder, Scrubber, read
from mistral_on_azure.recording.usage import Budget
from mistral_on_azure.running import targets

BODY = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100_000})


class Door(Notebook):
    """A notebook behind a door that sends what no HTTP client would."""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port

    def send(self, line: str, *headers: str, body: str = "", host: str = "") -> str:
        """Send a request as it is written here, with the door's key; return all that comes back."""
        host = host or f"127.0.0.1:{self.port}"
        head = [f"{line} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {self.key}", f"api-key: {self.key}"]
        text = "\r\n".join([*head, f"Content-Length: {len(body)}", "Connection: close", *headers, "", body])
        with socket.create_connection(("127.0.0.1", self.port), timeout=100) as connection:
            connection.sendall(text.encode("latin-1"))
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode("latin-1")


@pytest.fixture
def foreign():
    """Another host, to which nothing may be sent."""
    with Upstream() as running:
        yield running


@pytest.fixture
def door(upstream):
    with targets.real(upstream.url, Budget(tokens=500), lambda *_: None) as through:
        yield Door(through)


LINES = [
    "GET puter://HOST/y",
    "GET http://HOST/info",
    "GET .HOST/info",
    "GET @HOST/info",
    "GET :80@HOST/info",
    "GET //HOST/info",
    "GET /\\HOST/info",
    "GET \\\\HOST/info",
    "GET ?x@HOST/",
    "GET #@HOST/",
    "GET http:HOST/info",
    "GET http:///HOST/info",
    "CONNECT HOST",
    "OPTIONS *",
    "POST http://u:p@HOST/v1/chat/completions",
    "GET http://127.0.0.1@HOST/info",
]


@pytest.mark.parametrize("line", LINES)
def test_a_request_line_that_is_no_path_reaches_nobody(door, upstream, foreign, line):
    before = len(upstream.seen)
    answer = door.send(line.replace("HOST", urlsplit(foreign.url).netloc))
    assert answer.startswith("HTTP/1.") and answer.split()[1][0] == "4", answer
    assert foreign.seen == [] and len(upstream.seen) == before
    assert KEY not in answer


@pytest.mark.parametrize(
    "path", ["/@HOST/info", "/%2F%2FHOST/", "/%40HOST/x", "/http://HOST/", "/info?u=http://HOST/", "/;@HOST/"]
)
def test_a_path_stays_on_the_endpoints_host_whatever_it_holds(door, upstream, foreign, path):
    path = path.replace("HOST", urlsplit(foreign.url).netloc)
    door.send(f"POST {path}", body='{"max_tokens": 1}')
    assert foreign.seen == [] and upstream.seen[-1][1] == path
    assert upstream.seen[-1][2]["Host"] == urlsplit(upstream.url).netloc


def test_a_redirect_is_not_followed_with_the_credential(monkeypatch, foreign, tmp_path):
    with Upstream() as upstream:
        monkeypatch.setenv(CREDENTIAL, KEY)

        async def moved(request, body):
            from aiohttp import web

            raise web.HTTPTemporaryRedirect(f"{foreign.url}/stolen")

        upstream._moved = moved
        with targets.real(upstream.url, Budget(), lambda *_: None) as through:
            answer = Door(through).send("POST /v1/chat/completions", body='{"how": "moved"}')
        assert answer.split()[1] == "307" and foreign.seen == []


HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:80",
    "",
    "a b",
    "127.0.0.1@x",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_header_is_refused(door, upstream, host):
    before = len(upstream.seen)
    answer = door.send("GET /info", host=host or " ")
    assert answer.split()[1] in ("400", "403") and len(upstream.seen) == before


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST", "[::1]:PORT", "127.0.0.2"])
def test_names_of_this_machine_are_answered(door, host):
    assert door.send("GET /info", host=host.replace("PORT", str(door.port))).split()[1] == "200"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "http://localhost.evil.example", "x"])
def test_a_page_is_refused_and_gets_no_cors_header(door, upstream, origin):
    before = len(upstream.seen)
    for line in ("POST /v1/chat/completions", "OPTIONS /v1/chat/completions"):
        answer = door.send(line, f"Origin: {origin}", body=BODY)
        assert answer.split()[1] == "403" and "access-control" not in answer.lower()
    assert len(upstream.seen) == before and door.through.stop() == ""


def test_a_page_without_an_origin_is_told_by_what_browsers_add(door):
    assert door.send("GET /info", "Sec-Fetch-Site: cross-site").split()[1] == "403"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"api-key": "0" * 32}])
def test_who_has_not_the_doors_key_neither_reserves_budget_nor_ends_the_run(door, headers):
    """As a page could send it: a simple request, with a text for a body."""
    for _ in range(3):
        answer = requests.post(f"{door.url}/v1/chat/completions", data=BODY, headers=headers, timeout=100)
        assert answer.status_code == 401
    assert door.through.stop() == "" and door.through.objection(door.result) == ""
    assert door.usage.tokens == 0


def test_the_job_itself_is_still_stopped_by_the_budget(door):
    headers = {"Authorization": f"Bearer {door.key}"}
    assert requests.post(f"{door.url}/v1/chat/completions", data=BODY, headers=headers, timeout=100).status_code == 402
    assert "does not allow the next call" in door.through.stop()


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "gzip,chunked", "chunked, gzip", "deflate", "identity", "xchunked"]
)
def test_other_transfer_encodings_are_refused(door, upstream, coding):
    before = len(upstream.seen)
    with socket.create_connection(("127.0.0.1", door.port), timeout=100) as connection:
        head = f"POST /score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.key}\r\nConnection: close\r\n"
        connection.sendall(f"{head}Transfer-Encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())
        answer = connection.recv(65536).decode()
    assert answer.split()[1] in ("400", "501") and len(upstream.seen) == before


@pytest.mark.parametrize("target", [";x", "x", "/a b"])
def test_a_line_that_is_no_http_logs_nothing(door, caplog, target):
    assert door.send(f"GET {target}").split()[1] == "400"
    assert door.send("GET /info", "Host: localhost").split()[1] == "400"
    assert caplog.records == []


def posting(door: Door, credential: str, declared: int) -> socket.socket:
    """A connection that has sent the head of a POST, and waits with its body."""
    connection = socket.create_connection(("127.0.0.1", door.port), timeout=100)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n{credential}Content-Length: {declared}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def test_who_has_not_the_doors_key_cannot_send_much(door, upstream):
    before = len(upstream.seen)
    for credential in ("", "api-key: wrong\r\n"):
        with posting(door, credential, 64 * 1024 + 1) as connection:
            assert connection.recv(65536).split()[1] == b"413"  # and no byte of the body was read
    with socket.create_connection(("127.0.0.1", door.port), timeout=100) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"10001\r\n" + b"x" * 0x10001 + b"\r\n")
        assert connection.recv(65536).split()[1] == b"413"
    assert len(upstream.seen) == before


def test_what_looks_like_a_token_holds_a_bounded_memory_and_the_job_goes_on(door):
    """Whether a token is one, only the endpoint can tell."""
    token = f"Authorization: Bearer eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20}\r\n"
    size = 4 * 1024 * 1024
    connections = [posting(door, token, size) for _ in range(5)]
    for connection in connections:
        connection.sendall(b" " * (size - 1))  # together nearly 20 MB, and none is whole
    refused, _, _ = select.select(connections, [], [], 20)
    assert [each.recv(65536).split()[1] for each in refused] == [b"503"]
    assert door.send("GET /info").split()[1] == "200"
    for connection in connections:
        connection.close()
    with posting(door, token, size) as connection:
        connection.sendall(b" " * size)
        assert connection.recv(65536).split()[1] == b"402"  # it was read to its end: the memory is free again


def test_a_body_that_does_not_come_ends_the_request(door, monkeypatch):
    monkeypatch.setattr(doors, "_SLOWEST", 0.2)
    with posting(door, f"api-key: {door.key}\r\n", 10) as connection:
        assert connection.recv(65536).split()[1] == b"408"


def test_a_name_that_is_allowed_is_answered():
    assert refusal({"host": "endpoint:8080"}) and not refusal({"host": "endpoint:8080"}, {"endpoint"})
    assert not refusal({"host": "localhost", "origin": "http://127.0.0.1:9"})
    assert refusal({}) and is_path("/a?b=c") and not is_path("/a b")


RECORDED = {"cookbook_recording": 1, "day": "2026-11-27", "endpoint": "endpoint 1a2b3c4d", "parameters": {}}
ROW = {
    "notebook": "n",
    "deployment": "d",
    "method": "GET",
    "path": "/info",
    "credential": "own",
    "headers": {},
    "body": "",
    "status": 200,
    "answer_headers": {"content-type": "application/json"},
    "answer": "{}",
}


def tape(tmp_path: Path, about: object, *rows: object) -> Path:
    file = tmp_path / "tape.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in (about, *rows)))
    return file


@pytest.mark.parametrize("name", [*RECORDED, *(f"row {name}" for name in ROW)])
@pytest.mark.parametrize("value", [None, 7, [1], {"a": 1}, 10**30], ids=str)
def test_wrong_types_in_a_recording_are_one_mistake(tmp_path, name, value):
    about, row = dict(RECORDED), dict(ROW)
    (row if name.startswith("row ") else about)[name.removeprefix("row ")] = value
    with pytest.raises(CookbookError) as raised:
        read(tape(tmp_path, about, row))
    assert "\n" not in str(raised.value)


def test_a_recording_says_neither_where_to_go_nor_what_a_report_shows(tmp_path):
    about = {
        **RECORDED,
        "endpoint": "x](http://evil) <b> ##vso[task] ::error::\x1b[31m",
        "parameters": {"endpoint": "http://e", "n": "1"},
    }
    row = {**ROW, "answer_headers": {"content-type": "a\r\nX-Evil: 1", "content-length": "9", "set-cookie": "a=b"}}
    made = read(tape(tmp_path, about, row))
    assert made.about["parameters"] == {"n": "1"}
    assert not set(made.about["endpoint"]) & set("[]<>#\x1b") and "::" not in made.about["endpoint"]
    assert made.exchanges[0].answer_headers == {"content-type": "a  X-Evil: 1"}


def test_what_is_recorded_can_be_read(tmp_path, upstream):
    def recorder(label, secrets, hosts):
        return Recorder(tmp_path / "t.jsonl", {"endpoint": label, "parameters": {"n": "1"}}, Scrubber(secrets, hosts))

    with targets.real(upstream.url, Budget(), recorder) as through:
        Door(through).send("POST /v1/chat/completions", body="{}")
        through.finish(True)
    assert len(read(tmp_path / "t.jsonl").exchanges) == 1
