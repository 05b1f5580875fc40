"""The network and TLS: the host's name, proxies, whether a server listens on the port, and its certificate.

Of a certificate that is not trusted the names, the issuer and the dates are told.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPException, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from mistral_on_azure.azure.addresses import is_loopback, shown
from mistral_on_azure.azure.deployments import is_azure
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok, skipped

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Run a function in a thread and return its result. After a timeout, the thread runs on until the process ends.

    Raises:
        TimeoutError: when it takes longer than `seconds`.
        Exception: what the function raises.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(seconds)


_FIREWALL = "A firewall may drop it: try from another network, or set HTTPS_PROXY if your company has a proxy."


def dns(e: Examination) -> Finding:
    """Whether DNS has an address for the host, or for the proxy where one is used."""
    host, _ = _peer(e)
    if _is_address(host):
        return ok(f"{host} is an address; there is no name to look up")
    try:
        entries = within(e.wait, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except TimeoutError:
        return fails(f"The name {host} was not looked up within {e.timeout:g} s.", "Check the network and its DNS.")
    except (OSError, UnicodeError) as error:
        return unknown(e, host, error)
    return found_at(host, sorted({entry[4][0] for entry in entries}, key=lambda address: ":" in address))


def connection(e: Examination) -> Finding:
    """Whether a server listens on the port of the host, or of the proxy."""
    host, port = _peer(e)
    try:
        socket.create_connection((host, port), timeout=e.wait).close()
    except TimeoutError:
        return fails(f"{host} did not answer on port {port} within {e.timeout:g} s.", _FIREWALL)
    except ConnectionRefusedError:
        return fails(f"Nothing listens on port {port} of {host}.", _start(e))
    except OSError as error:
        return fails(f"{host} cannot be reached on port {port} ({error.strerror or error}).", _FIREWALL)
    return ok(f"something listens on port {port}")


def found_at(host: str, addresses: list[str]) -> Finding:
    """The finding for a name with addresses."""
    found = f"{host} is {addresses[0]}"
    if is_azure(host) and ipaddress.ip_address(addresses[0]).is_private:
        return note(f"{found}, a private endpoint", "It answers only inside its virtual network, or over a VPN to it.")
    return ok(found)


def unknown(e: Examination, host: str, error: OSError | UnicodeError) -> Finding:
    """The finding for a name without an address."""
    if e.proxy:
        return fails(f"The proxy's name {host} is unknown.", "Check HTTPS_PROXY, or unset it.")
    if getattr(error, "errno", None) == socket.EAI_AGAIN:
        remedy = "Is this machine online? If it is, check its DNS, and the spelling of the name."
        return fails(f"No name server answered for {host}.", remedy)
    remedy = (
        "Check its spelling. A deleted deployment loses its name; those on shared quota are deleted after 168 hours. "
        "A private endpoint's name is known only inside its network."
    )
    return fails(f"There is no host {host}.", remedy if is_azure(host) else "Check its spelling, and your DNS or VPN.")


def _start(e: Examination) -> str:
    if e.proxy:
        return "Check HTTPS_PROXY, or unset it."
    if is_loopback(e.host):
        return "Start the server, or check the port. `cookbook serve --port 8000` starts the local endpoint."
    return "Check the port in the address; Azure's endpoints name none. Has the deployment been stopped or deleted?"


def _peer(e: Examination) -> tuple[str, int]:
    """The host and port that a client connects to: the proxy's, or the endpoint's."""
    if not e.proxy:
        return e.host, e.port
    parts = urlsplit(e.proxy)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def proxy(e: Examination) -> Finding:
    """Whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY apply to this endpoint."""
    proxies = getproxies()
    scheme = "https" if e.secure else "http"
    url = proxies.get(scheme) or proxies.get("all") or ""
    if not url:
        return ok("no proxy variables apply")
    url = url if "://" in url else f"http://{url}"
    named = shown(url).rstrip("/")
    if proxy_bypass(e.host):
        return ok(f"requests go around the proxy {named}, as NO_PROXY says")
    if is_loopback(e.host):
        found = f"Requests to this machine would go to the proxy {named}."
        remedy = "Add to NO_PROXY: 127.0.0.1,localhost (the checks below go around the proxy)."
        return fails(found, remedy, goes_on=True)
    if not url.startswith(("http://", "https://")):
        return fails(
            f"{named} is no proxy for HTTP, and not every client can use another kind.",
            f"Set {scheme.upper()}_PROXY to an http:// proxy, or add {e.host} to NO_PROXY.",
        )
    e.proxy = url
    return note(f"requests go through the proxy {named}", f"If {e.host} can be reached directly, add it to NO_PROXY.")


_NOT_YET, _EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 9, 10, 62, 64  # OpenSSL's verify codes
_SOON = 14  # days
_DAY = 86_400  # seconds
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # read by httpx (OpenAI, Mistral), and by requests (Azure)


def tls(e: Examination) -> Finding:
    """Whether the certificate is trusted by the public authorities or those in SSL_CERT_FILE."""
    if not e.secure:
        return skipped("plain http, which does not leave this machine")
    try:
        e.trust = httpx.create_ssl_context()
    except OSError:
        return fails(
            f"SSL_CERT_FILE is {os.environ.get('SSL_CERT_FILE')!r}, which holds no certificates that can be read.",
            "Set it to a .pem file with your company's authority and the public ones, or unset it.",
        )
    if e.proxy.startswith("https://"):
        return skipped("not checked: the connection to the proxy uses TLS, too")
    try:
        certificate, _, version = _handshake(e, e.trust)
    except ssl.SSLCertVerificationError as error:
        return _distrusted(e, error.verify_code)
    except TimeoutError:
        return fails(f"{e.host} did not begin TLS within {e.timeout:g} s.", _not_tls(e))
    except ssl.SSLError as error:
        return fails(f"Port {e.port} of {e.host} does not speak TLS ({error.reason or 'it hung up'}).", _not_tls(e))
    except (OSError, HTTPException) as error:
        return _no_tunnel(e, error)
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // _DAY)
    found = f"{version}; the certificate is trusted and good for {days} days"
    if days < _SOON:
        return note(found, "Have it renewed in time.")
    if os.environ.get("SSL_CERT_FILE") and not os.environ.get("REQUESTS_CA_BUNDLE"):
        return note(found, "Set REQUESTS_CA_BUNDLE like SSL_CERT_FILE: requests and the Azure SDK read only that.")
    return ok(found)


def speaks_tls(e: Examination) -> bool:
    """Whether the port of an http address speaks TLS."""
    try:
        _handshake(e, _unverified())
    except (OSError, HTTPException):
        return False
    return True


def _handshake(e: Examination, context: ssl.SSLContext) -> tuple[dict[str, Any], bytes, str]:
    """The certificate's fields, the certificate, and the TLS version, through the proxy if there is one.

    The fields are empty for a context that accepts any certificate.
    """
    host, port = _peer(e)
    connection = HTTPSConnection(host, port, timeout=e.wait, context=context)
    if e.proxy:
        parts = urlsplit(e.proxy)
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        login = {"Proxy-Authorization": f"Basic {b64encode(user.encode()).decode()}"} if parts.username else {}
        connection.set_tunnel(e.host, e.port, login)
    connection.connect()
    try:
        secured = connection.sock
        return secured.getpeercert(), secured.getpeercert(binary_form=True), secured.version()
    finally:
        connection.close()


def _distrusted(e: Examination, code: int) -> Finding:
    names, issuer, begins, ends = _certificate(e)
    if code in (_WRONG_HOST, _WRONG_ADDRESS):
        return fails(
            f"The certificate is for {names}, not for {e.host}.",
            f"Use the name that it is for in {e.source}; an alias or a bare IP address does not do.",
        )
    if code == _EXPIRED:
        return fails(f"The certificate expired on {ends}.", "Have it renewed; or set this machine's clock.")
    if code == _NOT_YET:
        return fails(f"The certificate is not valid before {begins}.", "Set this machine's clock.")
    return fails(f"The certificate was issued by {issuer}, whom this machine does not trust.", _trust(e))


def _trust(e: Examination) -> str:
    both = " and ".join(_BUNDLES)
    if is_loopback(e.host):
        return f"Set {both} to the server's file of authorities; the local endpoint's `/local/session` names it."
    if os.environ.get("REQUESTS_CA_BUNDLE") and not os.environ.get("SSL_CERT_FILE"):
        return "Set SSL_CERT_FILE like REQUESTS_CA_BUNDLE: the OpenAI and Mistral libraries read only that."
    return (
        f"If that is your company, whose proxy reads along, set {both} to a .pem file with its authority and the "
        "public ones; your IT has it. If it is not, send no key there."
    )


def _certificate(e: Examination) -> tuple[str, str, str, str]:
    """The names, the issuer, and the first and last day of a certificate that is not trusted."""
    from cryptography import x509

    _, encoded, _ = _handshake(e, _unverified())
    certificate = x509.load_der_x509_certificate(encoded)
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = ", ".join(str(name.value) for name in listed) or "no name"
    except x509.ExtensionNotFound:
        names = certificate.subject.rfc4514_string()
    known = {attribute.oid: str(attribute.value) for attribute in certificate.issuer}
    issuer = known.get(x509.NameOID.ORGANIZATION_NAME) or known.get(x509.NameOID.COMMON_NAME) or "nobody"
    days = (f"{day:%Y-%m-%d}" for day in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    return (names, repr(issuer), *days)


def _unverified() -> ssl.SSLContext:
    """A context that accepts any certificate, to read it. No request is sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _not_tls(e: Examination) -> str:
    if is_loopback(e.host):
        return f"If the server speaks plain http, set {e.source} to http://{e.url.removeprefix('https://')}"
    if is_azure(e.host):
        return "Check the port; Azure's addresses name none. Does a firewall end the connection?"
    return (
        f"Put TLS in front of the server, or make a tunnel (ssh -L {e.port}:localhost:{e.port} {e.host}) and set "
        f"{e.source} to http://127.0.0.1:{e.port}"
    )


def _no_tunnel(e: Examination, error: Exception) -> Finding:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if e.proxy:
        return fails(
            f"The proxy made no connection to {e.host} ({why}).",
            f"Have the proxy let {e.host} through; give it a user and password in HTTPS_PROXY if it wants them.",
        )
    return fails(f"{e.host} ended the connection before TLS began ({why}).", _not_tls(e))
