"""What is known before the first request: the form of the address and of the credential, netrc files, and the models.

The table of models also explains an error answer about a retired model: what to use instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import TypeVar

from mistral_on_azure.azure.addresses import CREDENTIAL, Misshapen, check_endpoint, kind_in
from mistral_on_azure.azure.credentials import check_credential
from mistral_on_azure.azure.deployments import SERVERLESS, is_azure
from mistral_on_azure.catalog.models import Model, advice, as_of, known, mentioned, neighbour
from mistral_on_azure.doctor.calling import Answer
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok
from mistral_on_azure.endpoint.gateway.token_service import looks_like_token

Checked = TypeVar("Checked")
_SOLD = "`cookbook models` names those that are sold, and what replaces the others."


def address(e: Examination) -> Finding:
    """Whether clients can use the address. Later checks use the corrected one, if it can be corrected."""
    try:
        (e.url, e.kind), wrong = _corrected(
            lambda url: (check_endpoint(url, e.source), kind_in(url) or SERVERLESS), e.given
        )
    except Misshapen as error:
        return fails(error.why, error.remedy)
    if not wrong:
        return ok(e.url)
    why = " ".join(dict.fromkeys(error.why for error in wrong))
    return fails(why, f"Set it to {e.url} (the checks below use that).", goes_on=True)


def _corrected(check: Callable[[str], Checked], text: str) -> tuple[Checked, list[Misshapen]]:
    """The result of a check, after all corrections that the text needs, and the errors that were corrected.

    Raises:
        Misshapen: for an error that cannot be corrected.
    """
    wrong: list[Misshapen] = []
    while True:
        try:
            return check(text), wrong
        except Misshapen as error:
            if not error.instead:
                raise
            wrong.append(error)
            text = error.instead


_LENGTHS = (32, 84)  # characters of the keys of a deployment and of a Foundry resource


def credential(e: Examination) -> Finding:
    """Whether the credential has the form of a key or token. Later checks use the corrected one."""
    if e.credential is None:
        e.is_token = True
        return ok(f"{CREDENTIAL} is not set, so Microsoft Entra ID is used")
    try:
        e.bearer, wrong = _corrected(check_credential, e.credential)
    except Misshapen as error:
        return fails(error.why, error.remedy)
    if twice := _pasted_twice(e.bearer):
        wrong.append(Misshapen(f"{CREDENTIAL} is the same text twice.", "Paste it once: `read -s` shows nothing."))
        e.bearer = twice
    e.is_token = looks_like_token(e.bearer)
    if wrong:
        why = " ".join(error.why for error in wrong)
        return fails(why, f"{wrong[-1].remedy} (The checks below use it without that.)", goes_on=True)
    if e.is_token:
        return ok("a token, as Microsoft Entra ID issues them")
    found = f"a key of {len(e.bearer)} character{'s' * (len(e.bearer) != 1)}"
    if is_azure(e.host) and len(e.bearer) not in _LENGTHS:
        return note(f"{found}; Azure's have {' or '.join(map(str, _LENGTHS))}", "Was all of it copied, and only it?")
    return ok(found)


def _pasted_twice(key: str) -> str:
    """The key, if it was pasted twice in a row; else empty."""
    half = len(key) // 2
    return key[:half] if half >= min(_LENGTHS) and key == key[:half] * 2 else ""


def netrc_entries(e: Examination) -> Finding:
    """Whether a netrc file has an entry for the host, which requests sends in place of the key."""
    file = next((path for path in _netrc_files() if path.is_file()), None)
    if file is None:
        return ok("there is no netrc file")
    try:
        login = netrc(file).authenticators(e.host)
    except NetrcParseError as error:
        return note(f"{file} cannot be read (line {error.lineno}), so requests ignores it", "Mend it, or remove it.")
    except (OSError, UnicodeDecodeError):
        return note(f"{file} cannot be read", "Mend it, or remove it.")
    if login is None:
        return ok(f"{file} has no entry for {e.host}")
    entry = f"an entry for {e.host}" if e.host in netrc(file).hosts else "a default entry"
    return note(
        f"{file} has {entry}, which requests sends in place of the key: 401",
        f"Remove the entry, set NETRC={os.devnull}, or in requests Session.trust_env = False.",
    )


def _netrc_files() -> list[Path]:
    """The files that requests looks at, in its order."""
    given = os.environ.get("NETRC")
    try:
        return [Path(given)] if given else [Path.home() / ".netrc", Path.home() / "_netrc"]
    except RuntimeError:  # no home folder is known
        return []


def model(e: Examination) -> Finding:
    """Whether the given name, or the one in the address, is a model that Azure has. No request is sent."""
    if e.deployment:
        return _of_the_name(e.deployment)
    row = mentioned(e.host)
    if row is None:
        return ok("none is named, so the endpoint chooses")
    if line := advice(row):
        return note(f"the address names a retired model: {_first(line)}", _instead(line))
    return ok(f"{row.name}, from the address")


def _of_the_name(name: str) -> Finding:
    row = known(name)
    if row is not None and (line := advice(row)):
        own = "If it is only your own name for another deployment, that is fine."
        return note(_first(line), f"{_instead(line)} {own}")
    if row is not None:
        return ok(f"{row.name} is in the table of models ({row.group}, as of {as_of()})")
    if close := neighbour(name):
        return note(f"{name} is no model's name, but {close} is", f"If it is a mistake: --deployment {close}")
    return ok(f"{name} is a name of your own: Azure's catalog has no such model")


def about_gone(answer: Answer, e: Examination) -> str:
    """What to do about an answer that says the model is retired."""
    row = _meant(answer, e)
    return (advice(row) if row else "") or f"The model is retired. {_SOLD}"


def about_missing(answer: Answer, e: Examination, listed: list[str]) -> str:
    """What to do about an answer that says there is no such deployment.

    Args:
        listed: the deployments that the endpoint lists.
    """
    row = _meant(answer, e)
    if row is not None and (line := advice(row)):
        return f"{line} (Older pages of Azure name 404 for a retired model, newer ones 410.)"
    close = neighbour(e.model)
    if close and close not in listed and known(e.model) is None:
        return f"Did you mean {close}? Set --deployment to {_one_of(listed)}."
    return f"Set --deployment to {_one_of(listed)}."


def _one_of(listed: list[str]) -> str:
    return f"one of: {', '.join(listed)}" if listed else "the name on your deployment's page"


def _meant(answer: Answer, e: Examination) -> Model | None:
    return known(e.model) or mentioned(answer.text) or mentioned(e.host)


def _first(line: str) -> str:
    return line.partition(". Use ")[0].removesuffix(".")


def _instead(line: str) -> str:
    return f"Use {line.partition('. Use ')[2]}"
