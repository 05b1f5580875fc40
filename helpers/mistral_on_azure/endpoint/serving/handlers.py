"""The handlers of `/info`, the models, `/score` and the routes under `/local`; `chat.py` has that of chat completions.

Azure does not have the routes under `/local`: notebooks and tests use them. The docstrings of their handlers are what
the OpenAPI document says about these routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.catalog.script_format import ScriptFile
from mistral_on_azure.catalog.toml_files import explained, key_of
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.bounds import in_background, in_event_loop
from mistral_on_azure.endpoint.fields import check, field_of
from mistral_on_azure.endpoint.gateway.kinds import deployment_named
from mistral_on_azure.endpoint.gateway.token_service import resource_of
from mistral_on_azure.endpoint.local import timing
from mistral_on_azure.endpoint.local.sessions import LIMITS, Session
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.transport.contents import json_answer, query_of, read_body, read_json
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_OF_V1 = ("v1", "preview")  # values of api-version on Azure's path /openai/v1, besides dates
_Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
# The fields of `POST /local/session`, besides `deployment`.
SESSION = {
    "token_lifetime": field_of(Annotated[int, Meta(ge=1, le=86_400)]),
    "requests_per_minute": field_of(_Limit),
    "tokens_per_minute": field_of(_Limit),
    "strict": field_of(Annotated[bool, Meta(extra={"words": "true or false"})]),
}
LAST = field_of(Annotated[int, Meta(ge=1, le=1000)])  # of `GET /local/exchanges`: the number of exchanges


def check_api_version(request: Request, versions: Sequence[str]) -> None:
    """Refuse an unknown `api-version`. A request without it is accepted, as several clients do not send it.

    Args:
        versions: the known versions, the current one first; if empty, the parameter is ignored.

    Raises:
        ApiError: 400, which recommends the current version.
    """
    if "api-version" not in request.query or not versions:
        return
    version = query_of(request.query).get("api-version")
    of_v1 = _OF_V1 if request.path.startswith("/openai/v1/") else ()
    if version is not None and version not in (*versions, *of_v1):
        raise invalid(
            f"The api-version {version!r} is not supported. Use {versions[0]}.",
            param="api-version",
            code="unsupported_api_version",
        )


def info(service: Service, request: Request, session: Session) -> Answer:
    """`GET /info`: the model of the deployment, or the model of a real engine."""
    check_api_version(request, service.kind.api_versions)
    if service.model.info is not None:
        return json_answer(service.model.info)
    named = request.headers.get("azureml-model-deployment") or session.deployment or service.default
    return json_answer(service.kind.info(deployment_named(named, service.kind.deployments())))


def models(service: Service, request: Request, session: Session) -> Answer:
    """`GET /v1/models`: the deployments, in OpenAI's format and with the members that Mistral's client reads."""
    return json_answer({"object": "list", "data": _cards(service, request, session)})


def _cards(service: Service, request: Request, session: Session) -> list[dict[str, Any]]:
    check_api_version(request, service.kind.api_versions)
    cards = [_card(each) for each in service.kind.deployments().values() if _is_listed(service, each)]
    if service.model.name is not None:  # a real engine answers for every deployment
        default = deployment_named(session.deployment or service.default, service.kind.deployments())
        cards.insert(0, {**_card(default), "id": service.model.name, "owned_by": "real engine"})
    return cards


def _card(deployment: Deployment) -> dict[str, Any]:
    about = {"id": deployment.name, "object": "model", "created": 0, "owned_by": "MistralAI", "type": "base"}
    able = {"completion_chat": True, "function_calling": deployment.tools}
    return {**about, "capabilities": able, "max_context_length": deployment.context}


def _is_listed(service: Service, deployment: Deployment) -> bool:
    """Whether the list has a deployment.

    On Azure, each model that is sold on serverless has its own endpoint. So on serverless, the list has the cookbook's
    four models, and a sold model only if it is the endpoint's default deployment.
    """
    return service.kind.name != "serverless" or not deployment.sold or deployment.name == service.default


def model(service: Service, request: Request, session: Session) -> Answer:
    """`GET /v1/models/NAME`: one deployment of the list."""
    listed = _cards(service, request, session)
    wanted = request.path.partition("/models/")[2]  # the name may have slashes
    for card in listed:
        if card["id"] == wanted:
            return json_answer(card)
    service.kind.deployment(None, wanted, service.default)  # which refuses a retired one in the kind's own way
    names = ", ".join(card["id"] for card in listed)
    raise ApiError(404, "deployment_not_found", f"There is no model {wanted!r} here. This endpoint has: {names}.")


def score(service: Service, request: Request, session: Session) -> Answer:
    """`POST /score`: always 424, as the scoring route of managed compute does not understand chat requests."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route is not part of the chat API. Use the endpoint's address without '/score'.",
    )


def token(service: Service, request: Request, session: None) -> Answer:
    """The token service, as App Service offers it to a managed identity"""
    known = service.sessions.of_identity_secret(request.headers.get("x-identity-header", ""))
    if known is None:
        raise ApiError(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
    return json_answer(
        service.tokens.issue(known.object_id, resource_of(query_of(request.query)), known.token_lifetime)
    )


def session(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """Change the settings of this key's session, and get the addresses for signing in with Microsoft Entra ID

    `token_lifetime` is the lifetime in seconds of tokens that are issued from now on. `requests_per_minute` and
    `tokens_per_minute` set a new quota, of which nothing is used; `strict` refuses prompts that no script of the user's
    own has. Null for one of these three restores the setting with which the endpoint was started.
    """
    wanted = read_body(request)
    named = wanted.pop("deployment", None)
    settings = check(wanted, SESSION, "A session")
    session.deployment = deployment_named(named or service.default, service.kind.deployments()).name
    session.token_lifetime = settings.get("token_lifetime", session.token_lifetime)
    session.limit({name: settings.get(name) for name in LIMITS if name in wanted})
    if "strict" in wanted:
        session.script.strict = settings.get("strict")
    # The name of a real engine's model is empty for the script.
    told = {"identity_header": session.identity_secret, "engine": service.model.name or ""}
    secured = service.secure()
    return json_answer(told | secured) if isinstance(secured, dict) else _told_later(told, secured)


async def _told_later(told: dict[str, str], coming: Awaitable[dict[str, str]]) -> Answer:
    return json_answer(told | await coming)


def renew(service: Service, request: Request, session: Session) -> Answer:
    """Replace this key's session by a new one: its script, faults, quota and exchanges are dropped"""
    return spent(service, request, service.sessions.renew(session))


def spent(service: Service, request: Request, session: Session) -> Answer:
    """The number of requests of this session, their tokens, and the prompts that were refused as unexpected"""
    counts = {name: getattr(session, name) for name in ("calls", "prompt_tokens", "completion_tokens")}
    refused = {name: getattr(session.script, name) for name in ("refused", "refused_ever")}
    return json_answer({**counts, **refused})


def exchanges(service: Service, request: Request, session: Session) -> Answer:
    """The last exchanges of this session, with credentials masked"""
    wanted = query_of(request.query).get("last", "1")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else 0
    if not LAST.fits(number):
        raise invalid(f"The query parameter last is {LAST.words}, not {wanted!r}.", param="last")
    return json_answer(session.journal.last(number))


def ask_faults(service: Service, request: Request, session: Session) -> Answer:
    """Queue faults for the next chat completions of this session; `fault.py` describes them"""
    session.faults.ask(read_json(request.body))
    return faults(service, request, session)


def forget_faults(service: Service, request: Request, session: Session) -> Answer:
    """Drop all queued faults"""
    session.faults.clear()
    return faults(service, request, session)


def faults(service: Service, request: Request, session: Session) -> Answer:
    """The queued faults"""
    return json_answer([fault.described for fault in session.faults.waiting()])


def add_script(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """Add exchanges to the script of this session, which goes before the script files

    They go before the session's earlier exchanges, and replace those for the same requests.
    """
    if in_event_loop():  # compiling many patterns would block it
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
    """Drop the exchanges of this session, and restart all sequences of replies"""
    session.script.clear()
    return script(service, request, session)


def script(service: Service, request: Request, session: Session) -> Answer:
    """The exchanges of this session"""
    return json_answer(session.script.exchanges)


def set_timing(service: Service, request: Request, session: Session) -> Answer:
    """Set the pace of this session's responses, as in {"timing": "imitate"}; `local/timing.py` has the values

    The response has the new timing and the one before.
    """
    wanted = read_body(request).get("timing")
    if not isinstance(wanted, str):
        raise invalid("The field timing is a string, such as 'imitate' or 'off'.", param="timing")
    before, session.timing = session.timing, timing.setting(wanted)
    return json_answer({"timing": session.timing.words, "before": before.words})
