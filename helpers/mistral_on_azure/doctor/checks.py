"""The checks in their order, each with its name and the earlier checks that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mistral_on_azure.doctor.abilities import json_mode, logprobs, streaming, system_message, tools
from mistral_on_azure.doctor.access import access, http
from mistral_on_azure.doctor.calling import OutOfTime, Refused, Unanswered
from mistral_on_azure.doctor.chat_requests import deployment, quota, round_trip
from mistral_on_azure.doctor.concurrency import concurrency
from mistral_on_azure.doctor.examination import Examination, Finding, fails, waiting
from mistral_on_azure.doctor.failures import explain_refusal, explain_silence
from mistral_on_azure.doctor.identity import identity, token
from mistral_on_azure.doctor.known_models import model
from mistral_on_azure.doctor.network import connection, dns, proxy
from mistral_on_azure.doctor.served_routes import api_version, chat, extra_parameters, info, kind, models
from mistral_on_azure.doctor.tls import tls
from mistral_on_azure.doctor.variables import address, credential, netrc_entries


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: unique, for the report.
        look: the function that returns the finding.
        needs: the names of the checks that must have passed.
    """

    name: str
    look: Callable[[Examination], Finding]
    needs: tuple[str, ...] = ()


_CHAT = "chat routes"
CHECKS = (
    Check("address", address),
    Check("credential", credential),
    Check("model", model, ("address",)),
    Check("netrc", netrc_entries, ("address",)),
    Check("proxy", proxy, ("address",)),
    Check("DNS", dns, ("proxy",)),
    Check("connection", connection, ("DNS",)),
    Check("TLS", tls, ("connection",)),
    Check("HTTP", http, ("TLS",)),
    Check("identity", identity, ("credential", "address")),
    Check("token", token, ("identity",)),
    Check("access", access, ("HTTP", "token")),
    Check("kind", kind, ("access",)),
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
    Check("concurrency", concurrency, (_CHAT,)),
)


def examine(e: Examination) -> Iterator[tuple[Check, Finding | None]]:
    """Perform the checks one after the other.

    Yields:
        Each check twice: with None before it begins, and with its finding after.
    """
    blocked: dict[str, str] = {}  # by check, the name of the failed check that it waits for
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
        return explain_refusal(error, e)
    except Unanswered as error:
        return explain_silence(error, e)
    except OutOfTime:
        return fails("No time was left for this check.", f"Allow more: --timeout {4 * e.timeout:g}")
    except Exception as error:  # a bug of the doctor, after which the other checks still help
        return fails(f"The doctor itself failed here ({type(error).__name__}).", "Please report it.")
