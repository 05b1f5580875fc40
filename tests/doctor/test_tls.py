"""TLS: certificates of a private authority, good and bad in every way, and ports that speak something else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from examining import examine, failing
from openai_engine import Engine

from mistral_on_azure.doctor.examination import Status
from servers import serving, talking

KEY = "k" * 32
AUTHORITY = trustme.CA(organization_name="Contoso's proxy")
YEAR = timedelta(days=365)
LOGIN = "proxy-authorization"


def context(*names: str, **certificate: object) -> ssl.SSLContext:
    """What a server needs to have a certificate for some names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*(names or ("127.0.0.1",)), **certificate).configure_cert(made)
    return made


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """This machine trusts the authority."""
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(path))
    return path


def test_a_good_certificate(trusted, monkeypatch):
    with serving(Engine(KEY), context(not_after=datetime.now(UTC) + YEAR)) as url:
        report = examine(url, KEY)
        assert not report.failed and "good for 364 days" in report.findings["TLS"].found
        assert report.findings["round trip"].status is Status.OK
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        assert "Set REQUESTS_CA_BUNDLE" in examine(url, KEY).findings["TLS"].remedy


def test_a_certificate_that_ends_soon(trusted):
    with serving(Engine(KEY), context(not_after=datetime.now(UTC) + timedelta(days=3))) as url:
        finding = examine(url, KEY).findings["TLS"]
    assert finding.status is Status.NOTE and "good for 2 days" in finding.found and "renewed" in finding.remedy


@pytest.mark.parametrize(
    ("names", "times", "why", "remedy"),
    [
        (("other.example",), {}, "The certificate is for other.example, not for 127.0.0.1", "Use the name"),
        ((), {"not_after": datetime(2020, 5, 6, tzinfo=UTC)}, "expired on 2020-05-06", "renewed"),
        ((), {"not_before": datetime.now(UTC) + YEAR}, "is not valid before 20", "clock"),
    ],
)
def test_a_bad_certificate(trusted, names, times, why, remedy):
    if "not_after" in times:
        times = {"not_before": datetime(2019, 1, 1, tzinfo=UTC), **times}
    with serving(Engine(KEY), context(*names, **times)) as url:
        report = examine(url, KEY)
    name, finding = failing(report)
    assert name == "TLS" and why in finding.found and remedy in finding.remedy
    assert report.examination.calls == 0


def test_an_authority_nobody_knows(trusted, monkeypatch):
    with serving(Engine(KEY), context()) as url:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        name, finding = failing(examine(url, KEY))
        assert name == "TLS" and "Contoso's proxy" in finding.found and "SSL_CERT_FILE" in finding.remedy


def test_a_file_of_authorities_that_is_none(trusted, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with serving(Engine(KEY), context()) as url:
        name, finding = failing(examine(url, KEY))
    assert name == "TLS" and "missing.pem" in finding.found and "unset it" in finding.remedy


def test_a_companys_proxy(trusted, monkeypatch):
    """Through a real tunnel, to a host whose name only the proxy knows; first without the authority, then with it."""
    with serving(Engine(KEY), context("host.eastus2.inference.ml.azure.com")) as url, tunnel(url) as (proxy, logins):
        monkeypatch.setenv("https_proxy", proxy)
        host = "https://host.eastus2.inference.ml.azure.com"
        report = examine(host, KEY)
        assert not report.failed and report.findings["round trip"].status is Status.OK
        assert "through the proxy http://127.0.0.1:" in report.findings["proxy"].found
        assert "pass-word" not in str(report.document) and logins == {"Basic dXNlcjpwYXNzLXdvcmQ="}
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "Set SSL_CERT_FILE like REQUESTS_CA_BUNDLE" in failing(examine(host, KEY))[1].remedy
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        name, finding = failing(examine(host, KEY))
    assert name == "TLS" and 'issued by "Contoso\'s proxy"' in finding.found and "your company" in finding.remedy


def test_https_to_a_port_without_tls():
    with serving(Engine(KEY)) as url:
        name, finding = failing(examine(url.replace("http:", "https:"), KEY))
    assert (
        name == "TLS" and "does not speak TLS" in finding.found and finding.remedy.endswith(f"set --endpoint to {url}")
    )


def test_http_to_a_port_with_tls():
    with serving(Engine(KEY), context()) as url:
        name, finding = failing(examine(url.replace("https:", "http:"), KEY))
    assert name == "HTTP" and "speaks TLS" in finding.found and finding.remedy == f"Set --endpoint to {url}"


def test_a_server_that_begins_no_tls():
    with talking(lambda peer: threading.Event().wait(60)) as port:
        name, finding = failing(examine(f"https://127.0.0.1:{port}", KEY, timeout=1.0))
    assert name == "TLS" and "did not begin TLS within 1 s" in finding.found


def test_a_server_that_hangs_up():
    with talking(lambda peer: None) as port:
        name, finding = failing(examine(f"https://127.0.0.1:{port}", KEY))
    assert name == "TLS" and "plain http" in finding.remedy


@contextmanager
def tunnel(url: str) -> Iterator[tuple[str, set[str]]]:
    """A proxy that leads every CONNECT to one server; yields its address and the logins it was shown."""

    def pump(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    logins: set[str] = set()

    def talk(peer: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := peer.recv(65536)):
                return  # whoever only looks whether somebody listens says nothing
            head += data
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("CONNECT host.eastus2.inference.ml.azure.com:443 ")
        logins.update(value for name, _, value in (line.partition(": ") for line in lines) if name.lower() == LOGIN)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as server:
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=(server, peer), daemon=True).start()
            pump(peer, server)

    with talking(talk) as port:
        yield f"http://user:pass-word@127.0.0.1:{port}", logins  # pragma: allowlist secret
