"""The way to the endpoint: names, ports, proxies, and what listens there."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest
from examining import NOTHING_LISTENS, examine, failing

from mistral_on_azure.doctor.examination import Examination, Status
from mistral_on_azure.doctor.network import found_at, unknown
from servers import Reply, serving, talking

KEY = "k" * 32
AZURE = "host.eastus2.inference.ml.azure.com"


def test_a_host_that_does_not_exist():
    name, finding = failing(examine("https://no-such-host.invalid", KEY))
    assert name == "DNS" and "no-such-host.invalid" in finding.found and "spelling" in finding.remedy


def test_what_an_unknown_name_may_mean():
    e = Examination("", url=f"https://{AZURE}")
    gone = unknown(e, AZURE, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert f"There is no host {AZURE}" in gone.found and "deleted" in gone.remedy and "Private" in gone.remedy.title()
    offline = unknown(e, AZURE, socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert "No name server answered" in offline.found and "online" in offline.remedy
    proxied = unknown(Examination("", proxy="http://proxy:1"), "proxy", socket.gaierror(socket.EAI_NONAME, ""))
    assert "The proxy's name proxy is unknown" in proxied.found and "HTTPS_PROXY" in proxied.remedy


def test_a_private_endpoint_is_told():
    finding = found_at(AZURE, ["10.0.0.4"])
    assert finding.status is Status.NOTE and "private endpoint" in finding.found and "virtual network" in finding.remedy
    assert found_at(AZURE, ["20.50.2.1"]).status is Status.OK
    assert found_at("gpu.lan", ["10.0.0.4"]).status is Status.OK


def test_a_port_where_nothing_listens():
    name, finding = failing(examine(NOTHING_LISTENS, KEY))
    assert (
        name == "connection" and "Nothing listens on port 9" in finding.found and "Start the server" in finding.remedy
    )


def test_a_port_that_drops_what_comes():
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (one, two):  # they fill its queue, and it never takes anybody out of that
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert select.select([], [one], [], 60)[1]  # it is in the queue
        name, finding = failing(examine(f"http://127.0.0.1:{full.getsockname()[1]}", KEY, timeout=1.0))
    assert name == "connection" and "did not answer on port" in finding.found and "firewall" in finding.remedy


def test_a_server_that_says_nothing():
    began = time.monotonic()
    with talking(lambda peer: peer.recv(1) and threading.Event().wait(60)) as port:
        name, finding = failing(examine(f"http://127.0.0.1:{port}", KEY, timeout=1.0))
    assert name == "HTTP" and "GET /info got no answer within 1 s" in finding.found
    assert "--timeout 4" in finding.remedy and time.monotonic() - began < 30


def test_a_server_that_never_ends():
    def drip(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            peer.sendall(b" ")
            time.sleep(0.05)

    with talking(drip) as port:
        name, finding = failing(examine(f"http://127.0.0.1:{port}", KEY, timeout=1.0))
    assert name == "HTTP" and "within 1 s" in finding.found


@pytest.mark.parametrize(
    ("said", "why", "remedy"),
    [
        (b"220 mail.example ready\r\n", "does not speak HTTP", "another kind of server"),
        (b"", "The connection ended before the answer", "log"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "The connection ended before the answer", "log"),
    ],
)
def test_a_server_that_speaks_something_else(said, why, remedy):
    with talking(lambda peer: peer.sendall(said) if peer.recv(1000) else None) as port:
        name, finding = failing(examine(f"http://127.0.0.1:{port}", KEY))
    assert name == "HTTP" and why in finding.found and remedy in finding.remedy


@pytest.mark.parametrize(
    ("reply", "why", "remedy"),
    [
        (
            Reply("", 307, {"location": "https://elsewhere.example/info"}),
            "redirects (307)",
            "to https://elsewhere.example:",
        ),
        (Reply("<html>Sign in</html>", 200, {"content-type": "text/html"}), "A web page answers", "target URI"),
    ],
)
def test_an_answer_that_is_none(reply, why, remedy):
    with serving(lambda asked: reply) as url:
        name, finding = failing(examine(url, KEY))
    assert name == "HTTP" and why in finding.found and remedy in finding.remedy


def test_a_proxy_that_this_machine_must_go_around(local, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:pass-word@proxy.invalid:3128")  # pragma: allowlist secret
    report = examine(local.url, local.key)
    name, finding = failing(report)
    assert name == "proxy" and "http://proxy.invalid:3128" in finding.found and "NO_PROXY" in finding.remedy
    assert "pass-word" not in str(report.document) and report.findings["round trip"].status is Status.OK
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "as NO_PROXY says" in examine(local.url, local.key).findings["proxy"].found


def test_a_proxy_of_another_kind(monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://proxy.invalid:1080")
    name, finding = failing(examine(f"https://{AZURE}", KEY))
    assert name == "proxy" and "is no proxy for HTTP" in finding.found and "HTTPS_PROXY" in finding.remedy


def test_a_proxy_with_tls_of_its_own(monkeypatch):
    with talking(lambda peer: None) as port:
        monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{port}")
        report = examine(f"https://{AZURE}", KEY)
    name, finding = failing(report)
    assert report.findings["TLS"].status is Status.SKIPPED and "proxy" in report.findings["TLS"].found
    assert name == "HTTP" and "could not be reached" in finding.found


def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("https_proxy", NOTHING_LISTENS)
    report = examine(f"https://{AZURE}", KEY)
    name, finding = failing(report)
    assert report.findings["proxy"].status is Status.NOTE and "NO_PROXY" in report.findings["proxy"].remedy
    assert name == "connection" and "HTTPS_PROXY" in finding.remedy


def test_a_proxy_that_lets_nobody_through(monkeypatch):
    def refuse(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")

    with talking(refuse) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        name, finding = failing(examine(f"https://{AZURE}", KEY))
    assert name == "TLS" and "407" in finding.found and "user and password in HTTPS_PROXY" in finding.remedy


def test_nothing_is_sent_once_the_time_is_up(local):
    report = examine(local.url, local.key, began=time.monotonic() - 1000)
    name, finding = failing(report)
    assert name == "HTTP" and "No time was left" in finding.found and "--timeout 120" in finding.remedy
    assert report.examination.calls == 0
