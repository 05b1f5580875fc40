"""What is known before a request to the endpoint: its address, the credential, netrc files, and the model's name.

The credential is a key, a token, or the identity for which DefaultAzureCredential gets a token from Microsoft Entra ID.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL, Misshapen, check_endpoint, kind_in
from mistral_on_azure.azure.credentials import check_credential
from mistral_on_azure.azure.deployments import SERVERLESS, is_azure
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.catalog.models import advice, as_of, known, mentioned, neighbour
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok, skipped
from mistral_on_azure.doctor.network import within
from mistral_on_azure.endpoint.gateway.token_service import looks_like_token

_LENGTHS = (32, 84)  # characters of the keys of a deployment and of a Foundry resource
_SHORT = 300  # seconds; clients request a new token when less is left
_SERVICE_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
_NOT_TRIED = ("unavailable", "not found", "not installed", "could not be found", "to be installed")


def address(e: Examination) -> Finding:
    """Whether clients can use the address. Later checks use the corrected one, if it can be corrected."""
    try:
        right, wrong = _corrected(lambda url: check_endpoint(url, e.source), e.given)
    except Misshapen as error:
        return fails(error.why, error.remedy)
    e.url, e.kind = check_endpoint(right, e.source), kind_in(right) or SERVERLESS
    if not wrong:
        return ok(e.url)
    why = " ".join(dict.fromkeys(error.why for error in wrong))
    return fails(why, f"Set it to {e.url} (the checks below use that).", goes_on=True)


def _corrected(check: Callable[[str], str], text: str) -> tuple[str, list[Misshapen]]:
    """The text after all corrections that a check asks for, and the errors that were corrected.

    Raises:
        Misshapen: for an error that cannot be corrected.
    """
    wrong: list[Misshapen] = []
    while True:
        try:
            check(text)
            return text, wrong
        except Misshapen as error:
            if not error.instead:
                raise
            wrong.append(error)
            text = error.instead


def credential(e: Examination) -> Finding:
    """Whether the credential has the form of a key or token. Later checks use the corrected one."""
    if e.credential is None:
        e.is_token = True
        return ok(f"{CREDENTIAL} is not set, so Microsoft Entra ID is used")
    try:
        e.bearer, wrong = _corrected(check_credential, e.credential)
    except Misshapen as error:
        return fails(error.why, error.remedy)
    half = len(e.bearer) // 2
    if half >= min(_LENGTHS) and e.bearer == e.bearer[:half] * 2:
        wrong.append(Misshapen(f"{CREDENTIAL} is the same text twice.", "Paste it once: `read -s` shows nothing."))
        e.bearer = e.bearer[:half]
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


def netrc_entries(e: Examination) -> Finding:
    """Whether a netrc file has an entry for the host, which requests sends in place of the key."""
    file = next((path for path in _netrc_files() if path.is_file()), None)
    if file is None:
        return ok("there is no netrc file")
    try:
        entries = netrc(file)
    except NetrcParseError as error:
        return note(f"{file} cannot be read (line {error.lineno}), so requests ignores it", "Mend it, or remove it.")
    except (OSError, UnicodeDecodeError):
        return note(f"{file} cannot be read", "Mend it, or remove it.")
    if entries.authenticators(e.host) is None:
        return ok(f"{file} has no entry for {e.host}")
    entry = f"an entry for {e.host}" if e.host in entries.hosts else "a default entry"
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
    name = e.deployment
    if any("\ud800" <= each <= "\udfff" for each in name):  # bytes of the command line that are no text
        return fails("The name of the deployment is not UTF-8.", "Write --deployment again.")
    row = known(name) if name else mentioned(e.host)
    if row and (line := advice(row)):
        retired, _, others = line.partition(". Use ")
        retired, instead = retired.removesuffix("."), f"Use {others}"
        if name:
            return note(retired, f"{instead} If it is only your own name for another deployment, that is fine.")
        return note(f"the address names a retired model: {retired}", instead)
    if row and name:
        return ok(f"{row.name} is in the table of models ({row.group}, as of {as_of()})")
    if row:
        return ok(f"{row.name}, from the address")
    if not name:
        return ok("none is named, so the endpoint chooses")
    if close := neighbour(name):
        return note(f"{name} is no model's name, but {close} is", f"If it is a mistake: --deployment {close}")
    return ok(f"{name} is a name of your own: Azure's catalog has no such model")


def identity(e: Examination) -> Finding:
    """Which credential of DefaultAzureCredential's chain gets a token."""
    if e.bearer:
        return skipped("none is needed: there is a credential")
    if not e.secure:
        return fails(
            f"{CREDENTIAL} is not set, and a token must not travel over plain http.",
            f"Set {CREDENTIAL} to the endpoint's key; to any word, if the server wants none.",
        )
    from azure.core.exceptions import ClientAuthenticationError

    scope = e.kind.scope
    try:
        e.bearer, who = within(e.wait, lambda: _token(scope, e.wait))
    except TimeoutError:
        return fails(
            f"No token came within {e.timeout:g} s.",
            "Can this machine reach login.microsoftonline.com? Sign in with `az login`, or use a key.",
        )
    except ClientAuthenticationError as error:
        return no_identity(Masker(e.secrets).text(error.message))
    except ValueError as error:  # of settings that cannot be right
        return fails(f"No token: {Masker(e.secrets).text(str(error))[:200]}", f"Check {', '.join(_SERVICE_PRINCIPAL)}.")
    return ok(f"{who} got a token for {scope}")


def token(e: Examination) -> Finding:
    """Whether the token's audience is this kind of endpoint, and whether it is valid now."""
    if not e.is_token:
        return skipped("none is used: the credential is a key")
    claims = claims_of(e.bearer)
    now, expires, begins = time.time(), claims.get("exp"), claims.get("nbf")
    if not isinstance(expires, int):
        return note("the token cannot be read here, so only the endpoint can tell whether it is valid")
    if now >= expires:
        return fails(f"The token expired {_duration(now - expires)} ago.", _fresh(e))
    if isinstance(begins, int) and now < begins:
        wait = _duration(begins - now)
        return fails(f"The token is valid only in {wait}, by this machine's clock.", "Set the clock.", goes_on=True)
    left, audience, wanted = expires - now, str(claims.get("aud")), e.kind.audiences
    # An audience may also be an application's id, which cannot be compared with a URL.
    if "://" in audience and audience.rstrip("/") not in wanted:
        found = f"The token is for {audience}; this endpoint's are for {' or '.join(wanted)}."
        return fails(found, _fresh(e)) if is_azure(e.host) else note(found, _fresh(e))
    if left < _SHORT:
        return note(f"for {audience}, good for {_duration(left)} only", "Ask for a token before each request.")
    return ok(f"for {audience}, good for {_duration(left)}")


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, whose signature is not checked; empty for a text that is no token."""
    import jwt

    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}


def _fresh(e: Examination) -> str:
    if e.credential is None:
        return f"Sign in again with `az login`, and check this machine's clock. The scope is {e.kind.scope}."
    return (
        f"Unset {CREDENTIAL} to have the libraries fetch tokens, or set it anew from "
        f"`az account get-access-token --resource {e.kind.audience} --query accessToken -o tsv`."
    )


def _token(scope: str, seconds: float) -> tuple[str, str]:
    """A token and the name of the credential that got it, which azure-identity writes to its log."""
    from azure.identity import DefaultAzureCredential

    handler = _Acquired()
    logger = logging.getLogger("azure.identity")
    before, propagated = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        return DefaultAzureCredential(process_timeout=max(1, int(seconds))).get_token(scope).token, handler.who
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        logger.propagate = propagated


class _Acquired(logging.Handler):
    """Reads the credential's name from "DefaultAzureCredential acquired a token from ..."."""

    who = "DefaultAzureCredential"

    def emit(self, record: logging.LogRecord) -> None:
        before, acquired, name = record.getMessage().partition(" acquired a token from ")
        if acquired and before == "DefaultAzureCredential":
            self.who = name


def no_identity(message: str) -> Finding:
    """The finding where no credential of the chain got a token. It names the last one that was found and refused."""
    attempts = [line.strip() for line in message.splitlines() if line.startswith("\t")]
    tried = [attempt for attempt in attempts if not any(words in attempt for words in _NOT_TRIED)]
    missing = [name for name in _SERVICE_PRINCIPAL if not os.environ.get(name)]
    if missing and "AZURE_CLIENT_SECRET" not in missing:
        return fails(f"AZURE_CLIENT_SECRET is set without {' and '.join(missing)}.", "Set all three of them.")
    found = "DefaultAzureCredential found no identity that it can use."
    if tried:
        found = f"No token: {' '.join(tried[-1].split())[:200]}"
    remedy = f"Sign in with `az login`, set {', '.join(_SERVICE_PRINCIPAL)} (in CI), or set {CREDENTIAL} to the key."
    return fails(found, remedy)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
