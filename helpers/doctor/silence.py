"""Answers that do not come: what that means, and what to do."""

from __future__ import annotations

import socket

from helpers.doctor.calling import Unanswered
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails
from helpers.doctor.tls import speaks_tls

_GREETING = 2.0  # seconds that a server has to say the first word of its protocol
_CUT_REMEDY = "Try again. If it stays so, look at the deployment's log: its container may crash on requests."


def explain(error: Unanswered, e: Examination) -> Finding:
    """The finding for a request that got no answer."""
    if e.calls == 1 and not e.secure and (other := _another_protocol(error, e)):
        return other
    if error.kind == "timeout":
        return fails(f"{error.what} got no answer within {error.seconds:.2g} s.", _slow(e))
    if error.kind == "cut":
        return fails(f"The connection ended before the answer to {error.what} did.", _CUT_REMEDY)
    return fails(f"{e.host} could not be reached for {error.what}.", "Try again; the network may be unsteady.")


def _another_protocol(error: Unanswered, e: Examination) -> Finding | None:
    greeting = _greeting(e)
    if greeting == b"HTTP" or (not greeting and error.kind == "timeout"):
        return None
    if speaks_tls(e):
        return fails(f"Port {e.port} of {e.host} speaks TLS.", f"Set {e.source} to https{e.url.removeprefix('http')}")
    if not greeting:
        return None
    remedy = f"Check the port in {e.source}: another kind of server listens there."
    return fails(f"What listens on port {e.port} of {e.host} does not speak HTTP.", remedy)


def _greeting(e: Examination) -> bytes:
    """The first four bytes that the server says to a request, empty for none."""
    try:
        with socket.create_connection((e.host, e.port), timeout=min(e.wait, _GREETING)) as peer:
            peer.sendall(f"GET / HTTP/1.1\r\nhost: {e.host}\r\nconnection: close\r\n\r\n".encode())
            return peer.recv(4)
    except OSError:
        return b""


def _slow(e: Examination) -> str:
    longer = f"Allow more time: --timeout {4 * e.timeout:g}."
    if e.calls == 1:
        return f"Is it the right server, and does it run? {longer}"
    return f"The model may be loading, or busy. {longer} Look at the deployment's log and number of instances."
