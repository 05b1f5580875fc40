"""Microsoft Entra ID: the identity that DefaultAzureCredential finds, and the claims of its token."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.deployments import is_azure
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.doctor.examination import Examination, Finding, fails, note, ok, skipped
from mistral_on_azure.doctor.network import within

_SHORT = 300  # seconds; clients request a new token when less is left
_SERVICE_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
_NOT_TRIED = ("unavailable", "not found", "not installed", "could not be found", "to be installed")


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
    resource = e.kind.audience
    if e.credential is None:
        return f"Sign in again with `az login`, and check this machine's clock. The scope is {resource}/.default."
    return (
        f"Unset {CREDENTIAL} to have the libraries fetch tokens, or set it anew from "
        f"`az account get-access-token --resource {resource} --query accessToken -o tsv`."
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
    given = [name for name in _SERVICE_PRINCIPAL if os.environ.get(name)]
    missing = [name for name in _SERVICE_PRINCIPAL if name not in given]
    if "AZURE_CLIENT_SECRET" in given and missing:
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
