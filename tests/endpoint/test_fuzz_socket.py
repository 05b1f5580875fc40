"""Whatever bytes a socket brings: the server lives, answers in HTTP or not at all, and lets go of the connection."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from raw import chat, get, post

from mistral_on_azure.azure import http
from mistral_on_azure.endpoint.starting import LocalEndpoint, start

KEY = "k" * 32
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
GRACE = 5.0  # seconds that a connection may take to end
METHODS = ["GET", "HEAD", "PUT", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "M-SEARCH", "QUERY", "BREW"]
METHODS += ["get", ""]
TARGETS = ["/", "*", "/info", "//", "/%", "/%zz%00", "http://", "http://[", "host:1", "/ÿ", "?", "/v1/chat/completions"]
VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "http/1.1", "", "ICY"]
GOOD = [
    get("/info"),
    chat(),
    chat(stream=True),
    chat(headers={"expect": "100-continue"}),
    post("/local/timing", b'{"timing": "off"}', AUTHORIZED),
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
]
TEXT = st.text(st.characters(max_codepoint=255), max_size=20).map(lambda text: text.encode("latin-1"))


@st.composite
def heads(draw) -> bytes:
    """A request's head of parts that are right and wrong."""
    method, target, version = draw(st.tuples(*map(st.sampled_from, (METHODS, TARGETS, VERSIONS))))
    line = f"{method} {target} {version}".encode("latin-1")
    fields = [name + b": " + value for name, value in draw(st.lists(st.tuples(TEXT, TEXT), max_size=3))]
    sizes = st.sampled_from(["0", "-1", "1e3", "5", "99999999999999999999", "4194305", "0x10"])
    fields += [f"content-length: {size}".encode() for size in draw(st.lists(sizes, max_size=2))]
    return b"\r\n".join([line, *fields]) + draw(st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]))


@st.composite
def truncated(draw) -> bytes:
    """A good request that breaks off, or has something else in the middle."""
    whole = draw(st.sampled_from(GOOD))
    place = draw(st.integers(0, len(whole)))
    return whole[:place] + draw(st.sampled_from([b"", b"\0", b"\r\n\r\n", b"\xff" * 40, whole]))


def huge() -> st.SearchStrategy[bytes]:
    """Heads and bodies over every limit."""
    sizes = st.sampled_from([65_536, 70_000, 300_000])
    shapes = st.sampled_from(
        [
            b"GET /%b HTTP/1.1\r\nhost: localhost\r\n\r\n",
            b"GET /info HTTP/1.1\r\nhost: localhost\r\na: %b\r\n\r\n",
            b"%b",
            b"POST / HTTP/1.1\r\nhost: localhost\r\n%b: a\r\n\r\n",
        ]
    )
    return st.tuples(shapes, sizes, st.sampled_from([b"a", b"%", b"\t", b"\xff"])).map(
        lambda given: given[0] % (given[2] * given[1])
    )


BYTES = st.lists(
    st.one_of(st.binary(max_size=60), heads(), truncated(), st.sampled_from(GOOD), huge()), min_size=1, max_size=3
).map(b"".join)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalEndpoint]:
    with start([KEY], requests_per_minute=10**9, tokens_per_minute=10**12) as running:
        yield running


def port_of(server: LocalEndpoint) -> int:
    return int(server.url.rpartition(":")[2])


def talk(server: LocalEndpoint, data: bytes, *, says_goodbye: bool) -> bytes:
    """Send bytes and read until the server closes, which it must before long."""
    got, deadline = b"", time.monotonic() + GRACE
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=GRACE) as peer:
        try:
            peer.sendall(data)
            if says_goodbye:
                peer.shutdown(socket.SHUT_WR)
            while piece := peer.recv(65_536):
                got += piece
                assert time.monotonic() < deadline, "the connection was left hanging"
        except TimeoutError:
            pytest.fail(f"the connection was left hanging after {data[:200]!r}")
        except ConnectionError:
            pass  # it was closed while there was still something to send
    return got


def lives(server: LocalEndpoint) -> None:
    assert server.process.poll() is None
    assert http.request("GET", f"{server.url}/info", KEY).status == 200


def sockets_of(server: LocalEndpoint) -> int:
    found = 0
    for file in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found += "socket:" in str(file.readlink())
    return found


def test_any_bytes(server):
    lives(server)
    before = sockets_of(server) if Path("/proc/self/fd").exists() else None

    @settings(
        max_examples=400,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(BYTES)
    def ask(data: bytes) -> None:
        got = talk(server, data, says_goodbye=True)
        assert not got or got.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 500 " not in got

    ask()
    lives(server)
    if before is not None:
        deadline = time.monotonic() + GRACE
        while sockets_of(server) > before:
            assert time.monotonic() < deadline, "sockets were left open"
            time.sleep(0.05)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 10,
        b"\xff" * 70_000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"get / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        b"GET /" + b"a" * 600_000,
        b"POST /chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4194305\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_after_nonsense_the_server_hangs_up_by_itself(server, data):
    got = talk(server, data, says_goodbye=False)
    assert got.split(b" ", 2)[1] in (b"400", b"413", b"431")
    lives(server)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "REPORT"])
@pytest.mark.parametrize("path", ["/info", "/chat/completions", "/v1/models", "/openapi.json"])
def test_a_method_that_a_route_does_not_know_is_405(server, method, path):
    got = talk(server, f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(), says_goodbye=True)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: " in head and b"x-ms-error-code: method_not_allowed" in head
    assert b'"code":"method_not_allowed"' in body
