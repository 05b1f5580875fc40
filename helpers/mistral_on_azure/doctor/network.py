"""The network: the host's name, proxies, and whether a server listens on the port."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mistral_on_azure.azure.addresses import is_loopback
from mistral_on_azure.azure.deployment_kinds import is_azure
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok

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
        "Check its spelling. A deployment that was deleted loses its name: those on shared quota are, after 168 hours. "
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
    shown = _without_password(url)
    if proxy_bypass(e.host):
        return ok(f"requests go around the proxy {shown}, as NO_PROXY says")
    if is_loopback(e.host):
        found = f"Requests to this machine would go to the proxy {shown}."
        remedy = "Add to NO_PROXY: 127.0.0.1,localhost (the checks below go around the proxy)."
        return fails(found, remedy, goes_on=True)
    if not url.startswith(("http://", "https://")):
        return fails(
            f"{shown} is no proxy for HTTP, and not every client can use another kind.",
            f"Set {scheme.upper()}_PROXY to an http:// proxy, or add {e.host} to NO_PROXY.",
        )
    e.proxy = url
    return note(f"requests go through the proxy {shown}", f"If {e.host} can be reached directly, add it to NO_PROXY.")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
