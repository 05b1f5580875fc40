"""The way to the endpoint: its name, and something that listens there."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from helpers.doctor.azure import is_azure
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails, note, ok
from helpers.doctor.waiting import within
from helpers.urls import is_loopback

_FIREWALL = "A firewall may drop it: try from another network, or set HTTPS_PROXY if your company has a proxy."


def dns(e: Examination) -> Finding:
    """Whether the host's name leads to an address; the proxy's name, where there is a proxy."""
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
    """Whether something listens at the address and port."""
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
    """The finding for a name that leads to addresses."""
    found = f"{host} is {addresses[0]}"
    if is_azure(host) and ipaddress.ip_address(addresses[0]).is_private:
        return note(f"{found}, a private endpoint", "It answers only inside its virtual network, or over a VPN to it.")
    return ok(found)


def unknown(e: Examination, host: str, error: OSError | UnicodeError) -> Finding:
    """The finding for a name that leads nowhere."""
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
    """Whom a client connects to first."""
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
