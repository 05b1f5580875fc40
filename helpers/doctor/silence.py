"""Answers that do not come: what that means, and what to do."""

from __future__ import annotations

from helpers.doctor.calling import Unanswered
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails
from helpers.doctor.tls import speaks_tls

_CUT_REMEDY = "Try again. If it stays so, look at the deployment's log: its container may crash on requests."


def explain(error: Unanswered, e: Examination) -> Finding:
    """The finding for a request that got no answer."""
    if error.kind == "timeout":
        return fails(f"{error.what} got no answer within {error.seconds:.2g} s.", _slow(e))
    if not e.secure and error.kind in ("cut", "no http") and speaks_tls(e):
        return fails(f"Port {e.port} of {e.host} speaks TLS.", f"Set {e.source} to https{e.url.removeprefix('http')}")
    if error.kind == "no http":
        remedy = f"Check the port in {e.source}: another kind of server listens there."
        return fails(f"What listens on port {e.port} of {e.host} does not speak HTTP.", remedy)
    if error.kind == "cut":
        return fails(f"The connection ended before the answer to {error.what} did.", _CUT_REMEDY)
    return fails(f"{e.host} could not be reached for {error.what}.", "Try again; the network may be unsteady.")


def _slow(e: Examination) -> str:
    longer = f"Allow more time: --timeout {4 * e.timeout:g}."
    if e.calls == 1:
        return f"Is it the right server, and does it run? {longer}"
    return f"The model may be loading, or busy. {longer} Look at the deployment's log and number of instances."
