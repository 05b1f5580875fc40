"""The local endpoint's own routes: what a notebook or a test may ask that Azure has no word for.

They are under `/local`, but for the OpenAPI document, which is where tools look for one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from mistral_on_azure.catalog.script_format import ScriptFile, explained, key_of
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.bounds import in_background, in_event_loop
from mistral_on_azure.endpoint.fields import check, field_of
from mistral_on_azure.endpoint.gateway.authentication import resource_of
from mistral_on_azure.endpoint.gateway.kinds import deployment_named
from mistral_on_azure.endpoint.local import timing
from mistral_on_azure.endpoint.local.sessions import LIMITS, Session
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.transport.contents import json_answer, query_of, read_body, read_json
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

LocalHandler = Callable[[Service, Request, Session | None], Answer | Awaitable[Answer]]

_Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
# The fields of a session, besides the deployment.
SESSION = {
    "token_lifetime": field_of(Annotated[int, Meta(ge=1, le=86_400)]),
    "requests_per_minute": field_of(_Limit),
    "tokens_per_minute": field_of(_Limit),
    "strict": field_of(Annotated[bool, Meta(extra={"words": "true or false"})]),
}


def token(service: Service, request: Request, session: None) -> Answer:
    """`GET /local/identity/token`: the token service, as App Service offers it to a managed identity."""
    known = service.sessions.of_identity_secret(request.headers.get("x-identity-header", ""))
    if known is None:
        raise ApiError(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    return json_answer(
        service.tokens.issue(known.object_id, resource_of(query_of(request.query)), known.token_lifetime)
    )


def session(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """`POST /local/session`: choose the deployment this key's endpoint serves, learn how to use Entra ID here.

    `token_lifetime` is how long the tokens issued from now on are good for, in seconds. `requests_per_minute` and
    `tokens_per_minute` are the quota of each deployment from now on, nothing of it used; null is what the endpoint was
    started with. `strict` refuses prompts that no script of the user's own has; null is what the endpoint was started
    with.
    """
    wanted = read_body(request)
    named = wanted.pop("deployment", None)
    settings = check(wanted, SESSION, "A session")
    session.deployment = deployment_named(named or service.default, service.kind.deployments()).name
    session.token_lifetime = settings.get("token_lifetime", session.token_lifetime)
    session.limit({name: settings.get(name) for name in LIMITS if name in wanted})
    if "strict" in wanted:
        session.script.strict = settings.get("strict")
    engine = {"engine": service.model.name or ""}  # whose answers they are; empty is the script
    told = {"identity_header": session.identity_secret, **engine}
    secured = service.secure()
    return json_answer(told | secured) if isinstance(secured, dict) else _told_later(told, secured)


async def _told_later(told: dict[str, str], coming: Awaitable[dict[str, str]]) -> Answer:
    return json_answer(told | await coming)


def renew(service: Service, request: Request, session: Session) -> Answer:
    """`DELETE /local/session`: this key begins anew; its script, faults, quota and exchanges are forgotten.

    What was said to unexpected prompts stays in `refused_ever`.
    """
    return spent(service, request, service.sessions.renew(session))


def spent(service: Service, request: Request, session: Session) -> Answer:
    """`GET /local/session`: how many requests this session has made, the tokens they took, and what was unexpected."""
    counts = {name: getattr(session, name) for name in ("calls", "prompt_tokens", "completion_tokens")}
    refused = {name: getattr(session.script, name) for name in ("refused", "refused_ever")}
    return json_answer({**counts, **refused})


def exchanges(service: Service, request: Request, session: Session) -> Answer:
    """`GET /local/exchanges?last=N`: this session's last exchanges, credentials masked."""
    wanted = query_of(request.query).get("last", "1")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 4 and 1 <= int(wanted) <= 1000):
        raise invalid(f"The query parameter last is a whole number from 1 to 1000, not {wanted!r}.", param="last")
    return json_answer(session.journal.last(int(wanted)))


def ask_faults(service: Service, request: Request, session: Session) -> Answer:
    """`POST /local/faults`: make the next chat completions of this session fail; `fault` says how."""
    session.faults.ask(read_json(request.body))
    return faults(service, request, session)


def forget_faults(service: Service, request: Request, session: Session) -> Answer:
    """`DELETE /local/faults`: nothing fails any more."""
    session.faults.clear()
    return faults(service, request, session)


def faults(service: Service, request: Request, session: Session) -> Answer:
    """`GET /local/faults`: what may still happen."""
    return json_answer([fault.described for fault in session.faults.waiting()])


def add_script(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """`POST /local/script`: exchanges for this session alone, asked before the files'; `script_format` says what.

    They are asked before those that the session has, and take the place of those for the same requests.
    """
    if in_event_loop():  # many patterns take a while to compile
        return in_background(_add_script, service, request, session)
    return _add_script(service, request, session)


def _add_script(service: Service, request: Request, session: Session) -> Answer:
    wanted = read_json(request.body)
    try:
        exchanges = msgspec.convert({"exchange": wanted if isinstance(wanted, list) else [wanted]}, ScriptFile).exchange
    except msgspec.ValidationError as error:
        why, path = explained(error)
        raise invalid(f"{key_of(path)}{why}.", code="invalid_field", param="exchange") from None
    session.script.add(exchanges)
    return script(service, request, session)


def forget_script(service: Service, request: Request, session: Session) -> Answer:
    """`DELETE /local/script`: this session's exchanges are forgotten, and all sequences of replies begin anew."""
    session.script.clear()
    return script(service, request, session)


def script(service: Service, request: Request, session: Session) -> Answer:
    """`GET /local/script`: the exchanges of this session."""
    return json_answer(session.script.exchanges)


def set_timing(service: Service, request: Request, session: Session) -> Answer:
    """`POST /local/timing`: the pace of this session's answers, such as {"timing": "imitate"}; `timing` says what.

    The answer has the timing and what it was before.
    """
    wanted = read_body(request).get("timing")
    if not isinstance(wanted, str):
        raise invalid("The field timing is a text, such as 'imitate' or 'off'.", param="timing")
    before, session.timing = session.timing, timing.setting(wanted)
    return json_answer({"timing": session.timing.words, "before": before.words})
