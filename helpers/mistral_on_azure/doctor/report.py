"""`cookbook doctor`: the checks in their order, each with the earlier ones that it needs, and the report.

The report contains no credential. It is printed row by row, or as JSON.
"""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.text import Text

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.children import around_proxies
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.doctor.abilities import json_mode, logprobs, streaming, system_message, tools
from mistral_on_azure.doctor.examination import (
    Examination,
    Finding,
    OutOfTime,
    Refused,
    Status,
    Unanswered,
    fails,
    skipped,
)
from mistral_on_azure.doctor.failures import explain_refusal, explain_silence
from mistral_on_azure.doctor.first_requests import access, concurrency, deployment, http, quota, round_trip
from mistral_on_azure.doctor.known_beforehand import address, credential, identity, model, netrc_entries, token
from mistral_on_azure.doctor.network import connection, dns, proxy, tls
from mistral_on_azure.doctor.served_routes import api_version, chat, extra_parameters, info, kind, models
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import INTERRUPTED

_LONGEST = 600  # characters of a finding


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: unique, for the report.
        look: the function that performs it and returns the finding.
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
    Check(_CHAT, chat, ("access", "model")),
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


def _look(check: Check, e: Examination) -> Finding:
    try:
        return check.look(e)
    except Refused as error:
        if error.answer.cause == 429:
            e.throttled = check.name
        return explain_refusal(error.answer, error.what, e)
    except Unanswered as error:
        return explain_silence(error, e)
    except OutOfTime:
        return fails("No time was left for this check.", f"Allow more: --timeout {4 * e.timeout:g}")
    except Exception as error:  # a bug of the doctor, after which the other checks still help
        return fails(f"The doctor itself failed here ({type(error).__name__}).", "Please report it.")


@dataclass(slots=True)
class Report:
    """The findings of an examination so far.

    Attributes:
        label: the examined endpoint, in words.
        findings: by the name of the check.
        seconds: from the start to the last finding.
    """

    label: str
    examination: Examination
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: float = 0.0

    def steps(self) -> Iterator[tuple[Check, Finding | None]]:
        """Perform the checks. Each is yielded with None before it begins, and with its finding after."""
        e = self.examination
        blocked: dict[str, str] = {}  # by check, the name of the failed check that it waits for
        try:
            for check in CHECKS:
                yield check, None
                failed = next((blocked[name] for name in check.needs if name in blocked), None)
                if _CHAT in check.needs:
                    failed = failed or e.throttled
                if failed:
                    finding = Finding(Status.SKIPPED, f"waits for {failed}", blocks=True, waits_for=failed)
                else:
                    finding = _look(check, e)
                if finding.blocks:
                    blocked[check.name] = finding.waits_for or check.name
                self.findings[check.name] = shown = _fit_to_print(finding, e)
                self.seconds = time.monotonic() - e.began
                yield check, shown
        finally:
            e.close()

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [name for name, finding in self.findings.items() if finding.status is Status.FAILS]

    @property
    def document(self) -> dict[str, Any]:
        """The report as a JSON object."""
        e = self.examination
        return {
            "examined": self.label,
            "endpoint": e.url or None,
            "passed": not self.failed,
            "checks": [
                {"check": name, "status": str(each.status), "found": each.found, "remedy": each.remedy}
                for name, each in self.findings.items()
            ],
            "calls": e.calls,
            "prompt_tokens": e.prompt_tokens,
            "completion_tokens": e.completion_tokens,
            "seconds": round(self.seconds, 3),
        }


def _fit_to_print(finding: Finding, e: Examination) -> Finding:
    """A finding without credentials and control characters, at most 600 characters long: a server's text is in it."""
    masker = Masker(e.secrets)

    def fit(text: str) -> str:
        text = masker.text("".join(character if character.isprintable() else " " for character in text))
        return f"{text[:_LONGEST]} …" if len(text) > _LONGEST else text

    return replace(finding, found=fit(finding.found), remedy=fit(finding.remedy))


_COLOURS = {Status.OK: "green", Status.NOTE: "yellow", Status.FAILS: "bold red", Status.SKIPPED: "dim"}
_STATUS, _NAME = 9, 18  # columns
_WIDEST = 110  # columns; longer lines are hard to read
_NARROWEST = 20  # columns of text


def show(console: Console, report: Report) -> None:
    """Perform the checks of a report, and print each finding at once."""
    console.print(Text(f"Examining {report.label}.\n"))
    waiting = 0
    with console.status("") as progress:
        for check, finding in report.steps():
            if finding is None:
                progress.update(Text(f"looking at: {check.name}"))
            elif finding.waits_for:
                waiting += 1
            else:
                _row(console, check.name, finding)
    if waiting:
        _row(console, "the rest", skipped(f"{_count(waiting, 'check')} wait until that is corrected"))
    console.print(Text(f"\n{_verdict(report)}"))


def _row(console: Console, name: str, finding: Finding) -> None:
    width = max(_NARROWEST, min(console.width, _WIDEST) - _STATUS - _NAME)
    lines = textwrap.wrap(finding.found, width, break_on_hyphens=False)
    if finding.remedy:
        lines += textwrap.wrap(f"→ {finding.remedy}", width, subsequent_indent="  ", break_on_hyphens=False)
    for place, line in enumerate(lines):
        status, title = (finding.status, name) if place == 0 else ("", "")
        row = Text(status.ljust(_STATUS), _COLOURS[finding.status])
        row.append(title.ljust(_NAME) + line, "default")
        console.print(row, soft_wrap=True)


def _verdict(report: Report) -> str:
    e = report.examination
    tokens = e.prompt_tokens + e.completion_tokens
    took = f"It took {_count(e.calls, 'call')}, {_count(tokens, 'token')} and {report.seconds:.1f} s."
    failed = report.failed
    if not failed:
        return f"Nothing fails. {took}"
    if len(failed) == 1:
        return f"One thing fails: {failed[0]}. {took}"
    return f"{len(failed)} things fail: {', '.join(failed)}. Begin with {failed[0]}. {took}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def run(endpoint: str | None, deployment: str, timeout: float, as_json: bool) -> int:
    """Examine an endpoint and print what was found.

    Args:
        endpoint: its address; None means AZURE_INFERENCE_ENDPOINT or, where that is unset, the local endpoint.
        deployment: the deployment's name; empty for any.
        timeout: the time limit of each answer, in seconds.
        as_json: print JSON rather than a table.

    Returns:
        The exit status: 0 if nothing fails, 1 if something does, 130 if interrupted.

    Raises:
        CookbookError: when the local endpoint does not start.
    """
    try:
        with _report(endpoint, deployment, timeout) as report:
            if as_json:
                for _ in report.steps():
                    pass
                print(json.dumps(report.document, indent=2, ensure_ascii=False))
            else:
                show(Console(highlight=False), report)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted.")
        return INTERRUPTED
    return 1 if report.failed else 0


@contextmanager
def _report(endpoint: str | None, deployment: str, timeout: float) -> Iterator[Report]:
    given, source = (endpoint, "--endpoint") if endpoint is not None else (os.environ.get(ENDPOINT), ENDPOINT)
    key = os.environ.get(CREDENTIAL)
    if given or key is not None or endpoint is not None:
        label = f"{source} with {'Microsoft Entra ID' if key is None else CREDENTIAL}"
        yield Report(label, Examination(given or "", source, key, deployment, timeout))
        return
    os.environ.update(around_proxies())
    with start() as local:
        label = f"the local endpoint, because {ENDPOINT} is not set"
        yield Report(label, Examination(local.url, source, local.keys[0], deployment, timeout))
