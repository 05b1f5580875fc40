"""The checks, in their order: what each is called, and which earlier ones it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helpers.doctor import refusals, silence
from helpers.doctor.abilities import json_mode, logprobs, tools
from helpers.doctor.address import address
from helpers.doctor.api_version import api_version
from helpers.doctor.calling import OutOfTime, Unanswered
from helpers.doctor.contact import access, http
from helpers.doctor.credential import credential
from helpers.doctor.deployment import deployment
from helpers.doctor.entra_id import identity, token
from helpers.doctor.examination import Examination
from helpers.doctor.extra_parameters import extra_parameters
from helpers.doctor.findings import Finding, fails, waiting
from helpers.doctor.network import connection, dns
from helpers.doctor.proxy import proxy
from helpers.doctor.quota import quota
from helpers.doctor.refusals import Refused
from helpers.doctor.round_trip import round_trip
from helpers.doctor.routes import chat, info, models
from helpers.doctor.streaming import streaming
from helpers.doctor.system_message import system_message
from helpers.doctor.tls import tls


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: what it looks at, unique.
        look: the check itself.
        needs: the checks without which it cannot look.
    """

    name: str
    look: Callable[[Examination], Finding]
    needs: tuple[str, ...] = ()


_CHAT = "chat routes"
CHECKS = (
    Check("address", address),
    Check("credential", credential),
    Check("proxy", proxy, ("address",)),
    Check("DNS", dns, ("proxy",)),
    Check("connection", connection, ("DNS",)),
    Check("TLS", tls, ("connection",)),
    Check("HTTP", http, ("TLS",)),
    Check("identity", identity, ("credential", "address")),
    Check("token", token, ("identity",)),
    Check("access", access, ("HTTP", "token")),
    Check("/info", info, ("access",)),
    Check("/v1/models", models, ("access",)),
    Check(_CHAT, chat, ("access",)),
    Check("api-version", api_version, (_CHAT,)),
    Check("deployment", deployment, (_CHAT,)),
    Check("streaming", streaming, (_CHAT,)),
    Check("system message", system_message, (_CHAT,)),
    Check("JSON mode", json_mode, (_CHAT,)),
    Check("logprobs", logprobs, (_CHAT,)),
    Check("tools", tools, (_CHAT,)),
    Check("extra parameters", extra_parameters, (_CHAT,)),
    Check("quota", quota, (_CHAT,)),
    Check("round trip", round_trip, (_CHAT,)),
)


def examine(e: Examination) -> Iterator[tuple[Check, Finding | None]]:
    """Do the checks one after the other.

    Yields:
        Each check twice: with None before it looks, and with its finding after.
    """
    blocked: dict[str, str] = {}  # by check, the one that failed
    for check in CHECKS:
        yield check, None
        failed = next((blocked[name] for name in check.needs if name in blocked), None)
        if _CHAT in check.needs:
            failed = failed or e.throttled
        finding = waiting(failed) if failed else _look(check, e)
        if finding.blocks:
            blocked[check.name] = finding.waits_for or check.name
        yield check, finding


def _look(check: Check, e: Examination) -> Finding:
    try:
        return check.look(e)
    except Refused as error:
        if error.answer.cause == 429:
            e.throttled = check.name
        return refusals.explain(error, e)
    except Unanswered as error:
        return silence.explain(error, e)
    except OutOfTime:
        return fails("No time was left for this check.", f"Allow more: --timeout {4 * e.timeout:g}")
    except Exception as error:  # a bug of ours, which must not keep the user from what the other checks find
        return fails(f"The doctor itself failed here ({type(error).__name__}).", "Please report it.")
