"""Hosts and origins: whom a listener answers, and which pages in a browser may read its answers."""

from __future__ import annotations

import json

import pytest
from raw import KEY, ROUTE, ask, chat, connect, connect_by_tls, get, serving

from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server_process import make
from mistral_on_azure.endpoint.transport.listener import Callers
from mistral_on_azure.endpoint.transport.reader import Limits
from mistral_on_azure.errors import CookbookError

ORIGIN = "http://localhost:3000"
OPEN = Callers(["endpoint", "My.Host"], [ORIGIN])
PREFLIGHT = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type",
}


EVIL = {**PREFLIGHT, "origin": "https://evil.example"}


async def status(data: bytes, **options) -> int:
    async with serving(**options) as server:
        return (await ask(server, data)).status


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "a.localhost"])
async def test_names_of_this_machine_are_answered(host):
    assert await status(get("/info", {"host": host})) == 200


REBOUND = ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "203.0.113.7", "0.0.0.0", "", "user@localhost"]


@pytest.mark.parametrize("host", [*REBOUND, "localhost, evil.example", "endpoint"])
async def test_a_name_that_somebody_let_resolve_to_this_machine_is_refused(host):
    """DNS rebinding: the page and the endpoint have one origin for the browser, but the name gives it away."""
    assert await status(get("/info", {"host": host})) == 403


async def test_every_listener_checks_and_a_known_head_is_no_way_around():
    async with serving() as server:
        for peer in (await connect_by_tls(server), await connect(server)):
            assert (await peer.send(get("/info")).get()).status == 200
            assert (await peer.send(get("/info")).get()).status == 200
            got = await peer.send(get("/info", {"host": "evil.example"})).get()
            assert (got.status, got["connection"]) == (403, "close")


@pytest.mark.parametrize("host", ["endpoint:8080", "ENDPOINT", "my.host.", "localhost"])
async def test_hosts_are_allowed_by_name(host):
    assert await status(get("/info", {"host": host}), callers=OPEN) == 200
    assert await status(get("/info", {"host": f"a.{host}"}), callers=OPEN) == (200 if host == "localhost" else 403)


def test_the_address_that_is_listened_on_is_answered_and_no_other():
    callers = Callers()
    callers.check("/info", {"host": "192.0.2.5:8080"}, lambda: "192.0.2.5")
    for host in ("192.0.2.6", "evil.example"):
        with pytest.raises(Exception, match="--allow-host"):
            callers.check("/info", {"host": host}, lambda: "192.0.2.5")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:3001", "sec-fetch-site": "same-site"},
        {"origin": f"{ORIGIN}.evil.example"},
        {"origin": ORIGIN, "host": "evil.example"},
    ],
)
async def test_pages_are_refused(headers):
    for callers in (Callers(), OPEN):
        assert await status(chat(headers=headers), callers=callers) == 403


async def test_no_page_may_read_an_answer_unless_its_origin_is_allowed():
    async with serving() as server:
        for data in (chat(headers={"origin": "http://localhost:1"}), chat(), get("/openapi.json")):
            got = await ask(server, data)
            assert "access-control-allow-origin" not in dict(got.headers)
        preflight = get(ROUTE, PREFLIGHT).replace(b"GET", b"OPTIONS", 1)
        assert (await ask(server, preflight)).status == 405


@pytest.mark.parametrize("method", ["POST", "BREW"])
async def test_managed_compute_passes_a_preflight_with_a_credential_on_and_nothing_else_of_a_page(method):
    """No browser sends a credential with a preflight, so no page is let in by that."""
    keyed = get(ROUTE, EVIL).replace(b"GET", b"OPTIONS", 1)
    keyed = keyed.replace(b"method: POST", b"method: %b" % method.encode())
    keyless = keyed.replace(b"authorization: Bearer " + KEY.encode() + b"\r\n", b"")
    rebound = keyed.replace(b"host: ", b"host: evil.example", 1)
    async with serving(kind=Managed()) as server:
        got = await ask(server, keyed)
        assert (got.status, got["access-control-allow-origin"]) == (200 if method == "POST" else 424, EVIL["origin"])
        for refused in (keyless, rebound, keyed.replace(b"OPTIONS", b"POST", 1), chat(headers=EVIL)):
            got = await ask(server, refused)
            assert got.status == 403 and "access-control-allow-origin" not in dict(got.headers)
        assert (await ask(server, keyed.replace(KEY.encode(), b"0" * len(KEY)))).status == 401
    async with serving() as server:
        assert (await ask(server, keyed)).status == 405


async def test_pages_of_an_allowed_origin_use_the_endpoint():
    async with serving(callers=OPEN) as server:
        preflight = get(ROUTE, PREFLIGHT).replace(b"GET", b"OPTIONS", 1)
        got = await ask(server, preflight.replace(b"authorization: Bearer " + KEY.encode() + b"\r\n", b""))
        assert (got.status, got["access-control-allow-origin"], got["vary"]) == (200, ORIGIN, "Origin")
        assert "POST" in got["access-control-allow-methods"]
        assert got["access-control-allow-headers"] == "authorization, content-type"
        got = await ask(server, preflight.replace(b"method: POST", b"method: BREW"))
        assert (got.status, got["access-control-allow-origin"]) == (400, ORIGIN)
        for more in ({}, {"stream": True}, {"temperature": -1}):
            got = await ask(server, chat(headers={"origin": ORIGIN, "sec-fetch-site": "same-site"}, **more))
            assert got.status == (422 if "temperature" in more else 200)
            assert (got["access-control-allow-origin"], got["vary"]) == (ORIGIN, "Origin")
            assert "retry-after" in got["access-control-expose-headers"]
        got = await ask(server, chat())
        assert got["vary"] == "Origin" and "access-control-allow-origin" not in dict(got.headers)


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_page_is_told_why_its_request_was_refused_before_it_was_whole(waiting):
    async with serving(callers=OPEN, limits=Limits(body=200)) as server:
        for headers, status in (
            ({}, 413),
            ({"authorization": "Bearer nobody", "content-length": "20"}, 401),
            ({"transfer-encoding": "gzip"}, 400),
        ):
            peer = await connect(server)
            before = chat(headers={"x-local-timing": "first-token=0.2"}) if waiting else b""
            head = chat(headers={"origin": ORIGIN, **headers}, prompt="x" * 300).partition(b"\r\n\r\n")[0]
            peer.send(before + head + b"\r\n\r\n{")
            if waiting:
                assert "access-control-allow-origin" not in dict((await peer.get()).headers)
            got = await peer.get()
            assert (got.status, got["access-control-allow-origin"], got["vary"]) == (status, ORIGIN, "Origin")


async def test_a_page_reads_what_managed_computes_gateway_says():
    async with serving(callers=OPEN, kind=Managed()) as server:
        got = await ask(server, chat(headers={"origin": ORIGIN}, temperature=-1))
        said = {name for name, _ in got.headers if name.startswith(("ms-azureml-", "azureml-"))}
        assert got.status == 424 and said
        assert said <= set(got["access-control-expose-headers"].split(", "))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allow_host": ["a b"]}, "A host that is allowed is a name"),
        ({"allow_host": ["http://a"]}, "A host that is allowed is a name"),
        ({"allow_origin": ["*"]}, "An origin that is allowed reads like"),
        ({"allow_origin": ["null"]}, "An origin that is allowed reads like"),
        ({"allow_origin": ["http://a/b"]}, "An origin that is allowed reads like"),
    ],
)
def test_what_cannot_be_allowed_is_one_line(options, message):
    with pytest.raises(CookbookError, match=message):
        make([KEY], Options(**options))


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, chunked", "identity", ""])
async def test_no_transfer_encoding_but_chunked(coding):
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode()
    head = chat(headers={"transfer-encoding": coding}).partition(b"\r\n\r\n")[0]
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"content-length"))
    assert await status(b"%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)) == 400
