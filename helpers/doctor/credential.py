"""The shape of the credential. What it opens is another check."""

from __future__ import annotations

from helpers.doctor.azure import is_azure
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails, note, ok
from helpers.endpoint.identity import looks_like_token
from helpers.urls import CREDENTIAL, Misshapen, check_credential

_LENGTHS = (32, 84)  # characters of Azure's keys: of a deployment, of a Foundry resource


def credential(e: Examination) -> Finding:
    """Whether the credential can be a key. What was only pasted badly is put right, to look on with."""
    if e.credential is None:
        e.is_token = True
        return ok(f"{CREDENTIAL} is not set, so Microsoft Entra ID is used")
    key, wrong = e.credential, []
    while True:
        try:
            e.bearer = check_credential(key)
            break
        except Misshapen as error:
            wrong.append(error)
            if not error.instead:
                return fails(error.why, error.remedy)
            key = error.instead
    if twice := _pasted_twice(e.bearer):
        wrong.append(Misshapen(f"{CREDENTIAL} is the same text twice.", "Paste it once: `read -s` shows nothing."))
        e.bearer = twice
    e.is_token = looks_like_token(e.bearer)
    if wrong:
        why = " ".join(error.why for error in wrong)
        return fails(why, f"{wrong[-1].remedy} (The checks below use it without that.)", goes_on=True)
    if e.is_token:
        return ok("a token, as Microsoft Entra ID issues them")
    found = f"a key of {len(e.bearer)} characters"
    if is_azure(e.host) and len(e.bearer) not in _LENGTHS:
        return note(f"{found}; Azure's have {' or '.join(map(str, _LENGTHS))}", "Was all of it copied, and only it?")
    return ok(found)


def _pasted_twice(key: str) -> str:
    """The key that was pasted twice in a row, empty for any other."""
    half = len(key) // 2
    return key[:half] if half >= min(_LENGTHS) and key == key[:half] * 2 else ""
