"""The shape of the address and of the credential in the environment variables."""

from __future__ import annotations

from mistral_on_azure.azure.addresses import CREDENTIAL, Misshapen, check_credential, check_endpoint, is_azure
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok
from mistral_on_azure.endpoint.gateway.authentication import looks_like_token


def address(e: Examination) -> Finding:
    """Whether clients can use the address. Later checks use the corrected one, if it can be corrected."""
    url, wrong = e.given, []
    while True:
        try:
            e.url = check_endpoint(url, e.source)
            break
        except Misshapen as error:
            wrong.append(error)
            if not error.instead:
                return fails(error.why, error.remedy)
            url = error.instead
    if any(part in e.url for part in ("your-host-name", "your-azure-region")):
        return fails(f"{e.source} is the example's address.", "Set it to the target URI on your deployment's page.")
    if not wrong:
        return ok(e.url)
    why = " ".join(dict.fromkeys(error.why for error in wrong))
    return fails(why, f"Set it to {e.url} (the checks below use that).", goes_on=True)


_LENGTHS = (32, 84)  # characters of the keys of a deployment and of a Foundry resource


def credential(e: Examination) -> Finding:
    """Whether the credential has the shape of a key or token. Later checks use the corrected one."""
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
    """The key, if it was pasted twice in a row; else empty."""
    half = len(key) // 2
    return key[:half] if half >= min(_LENGTHS) and key == key[:half] * 2 else ""
