"""The local endpoint's own routes: what a notebook or a test may ask that Azure has no word for.

They are under `/local`, but for the OpenAPI document, which is where tools look for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mistral_on_azure.endpoint.gateway.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.gateway.authentication import resource_of
from mistral_on_azure.endpoint.local import timing
from mistral_on_azure.endpoint.local.fields import check, whole
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.serving.requests import deployment_named, query_of, read_body, read_json
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

if TYPE_CHECKING:
    from mistral_on_azure.endpoint.serving.application import Application

SESSION = {"token_lifetime": whole(1, 86_400)}  # the fields of a session


def token(application: Application, request: Request, session: None) -> Answer:
    """`GET /local/identity/token`: the token service, as App Service offers it to a managed identity."""
    known = application.sessions.of_identity_secret(request.headers.get("x-identity-header", ""))
    if known is None:
        raise ApiError(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    return json(application.tokens.issue(known.object_id, resource_of(query_of(request.query)), known.token_lifetime))


def session(application: Application, request: Request, session: Session) -> Answer:
    """`POST /local/session`: choose the deployment this key's endpoint serves, learn how to use Entra ID here.

    `token_lifetime` is how long the tokens issued from now on are good for, in seconds.
    """
    wanted = read_body(request)
    named = wanted.pop("deployment", None)
    settings = check(wanted, SESSION, "A session")
    session.deployment = deployment_named(named or application.default).name
    session.token_lifetime = settings.get("token_lifetime", session.token_lifetime)
    return json({"identity_header": session.identity_secret, **application.secure()})


def spent(application: Application, request: Request, session: Session) -> Answer:
    """`GET /local/session`: how many requests this session has made, and the tokens they took."""
    return json({name: getattr(session, name) for name in ("calls", "prompt_tokens", "completion_tokens")})


def exchanges(application: Application, request: Request, session: Session) -> Answer:
    """`GET /local/exchanges?last=N`: this session's last exchanges, credentials masked."""
    wanted = query_of(request.query).get("last", "1")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 4 and 1 <= int(wanted) <= 1000):
        raise invalid(f"The query parameter last is a whole number from 1 to 1000, not {wanted!r}.", param="last")
    return json(session.journal.last(int(wanted)))


def ask_faults(application: Application, request: Request, session: Session) -> Answer:
    """`POST /local/faults`: make the next chat completions of this session fail; `faults` says how."""
    session.faults.ask(read_json(request.body))
    return faults(application, request, session)


def forget_faults(application: Application, request: Request, session: Session) -> Answer:
    """`DELETE /local/faults`: nothing fails any more."""
    session.faults.clear()
    return faults(application, request, session)


def faults(application: Application, request: Request, session: Session) -> Answer:
    """`GET /local/faults`: what may still happen."""
    return json([fault.described for fault in session.faults.waiting()])


def set_timing(application: Application, request: Request, session: Session) -> Answer:
    """`POST /local/timing`: the pace of this session's answers, such as {"timing": "imitate"}; `timing` says what.

    The answer has the timing and what it was before.
    """
    wanted = read_body(request).get("timing")
    if not isinstance(wanted, str):
        raise invalid("The field timing is a text, such as 'imitate' or 'off'.", param="timing")
    before, session.timing = session.timing, timing.setting(wanted)
    return json({"timing": session.timing.words, "before": before.words})


def openapi(application: Application, request: Request, session: None) -> Answer:
    """`GET /openapi.json`: this document. It is no secret, so it needs no credential."""
    from mistral_on_azure.endpoint.openapi.document import encoded  # made when somebody first asks

    return Answer(200, encoded())


def json(value: Any) -> Answer:
    """An answer in JSON."""
    return Answer(200, msgspec.json.encode(value))
