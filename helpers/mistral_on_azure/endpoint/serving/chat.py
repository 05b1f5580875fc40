"""Chat completions: one request through faults, validation, quota and timing to its answer."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import msgspec

from mistral_on_azure.endpoint.api_errors import ApiError, not_supported
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.quota import QuotaExceeded
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.local.damage import damaged, error_of
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.models.bounded_cache import BoundedCache
from mistral_on_azure.endpoint.models.completions import usage_asked
from mistral_on_azure.endpoint.models.messages import NO_MESSAGES
from mistral_on_azure.endpoint.models.model import ChatRequest, FaultAsked, Model
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.serving.api_version import check_api_version
from mistral_on_azure.endpoint.serving.request_parameters import check_response_format, checked_extra, validate
from mistral_on_azure.endpoint.transport.contents import check_content_type, read_object
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_seen = [0] * 1024  # hashes of bodies
_LONGEST_NAME = 200  # characters of a deployment's name that are looked at
_REMEMBERED = 16 * 1024  # bytes: a longer body is understood anew each time


def chat(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """A chat completion, on any of the paths that a kind has for it."""
    fault, asked, default = None, None, session.deployment or service.default
    try:
        fault = session.faults.next(request.headers.get(faults.HEADER))
        setting = pace_of(request, session)
        if fault is not None and fault.status is not None:
            raise error_of(fault)
        asked = _understand(service, request, default)
        answer = service.model.answer(asked, session.quota(asked.deployment.name), session.spend, session.script)
    except QuotaExceeded:
        raise  # it took nothing, and a fault damages no more
    except FaultAsked as scripted:
        return _scripted(service.kind, scripted, request, session, asked, setting)
    except ApiError as error:
        deployment = asked.deployment.name if asked else _deployment_of(service.kind, request, default, error)
        return _refused(service.kind, error, session, fault, deployment)
    if not isinstance(answer, Answer):
        return _awaited(service, request, session, answer, asked, setting, fault)
    return answer if fault is None and setting is timing.OFF else _slowed_or_damaged(answer, asked, setting, fault)


async def _awaited(
    service: Service,
    request: Request,
    session: Session,
    coming: Awaitable[Answer],
    asked: ChatRequest,
    setting: timing.Setting,
    fault: Fault | None,
) -> Answer:
    """An answer that takes its time. A stream is passed on as it comes, but for a timing or a fault it is collected."""
    try:
        answer = await coming
    except QuotaExceeded:
        raise
    except FaultAsked as scripted:
        return _scripted(service.kind, scripted, request, session, asked, setting)
    except ApiError as error:
        if not isinstance(service.model, Script):
            raise  # a real engine has charged what it took
        return _refused(service.kind, error, session, fault, asked.deployment.name)
    if fault is None and setting is timing.OFF:
        return answer
    if answer.source is not None:
        answer = replace(answer, source=None, events=tuple([event async for event in answer.source]))
    if answer.events is not None and not answer.tokens:
        around = 4 if usage_asked(asked.parameters) else 3  # a role, an end, [DONE] and perhaps usage
        answer = replace(answer, tokens=len(answer.events) - around)
    return _slowed_or_damaged(answer, asked, setting, fault)


def _scripted(
    kind: Kind, scripted: FaultAsked, request: Request, session: Session, asked: ChatRequest, setting: timing.Setting
) -> Answer:
    """An answer with the fault that the script asks for, which goes before one that was asked for otherwise."""
    if scripted.answer is None:
        error = error_of(scripted.fault)
        return _refused(kind, error, session, scripted.fault, asked.deployment.name)
    return _slowed_or_damaged(scripted.answer, asked, setting, scripted.fault)


def _slowed_or_damaged(answer: Answer, asked: ChatRequest, setting: timing.Setting, fault: Fault | None) -> Answer:
    answer = timing.paced(answer, slowed(setting.of(asked.deployment.name), fault), answer.tokens)
    return damaged(answer, fault) if fault else answer


def _understand(service: Service, request: Request, default: str) -> ChatRequest:
    """Read and check a chat request.

    The same body always asks the same, so it is remembered: from the second time on, as most never come again.
    """
    kind = service.kind
    if request.query:
        check_api_version(request, kind.api_versions)
    check_content_type(request)
    body, headers = request.body, request.headers
    extra = headers.get("extra-parameters")
    extra = kind.addresses[request.path].extra if extra is None else checked_extra(extra)
    header = headers.get("azureml-model-deployment")
    if header is not None and len(header) > _LONGEST_NAME:
        header = header[:_LONGEST_NAME]  # which no deployment is called, either
    if len(body) <= _REMEMBERED:
        mark = hash(body)
        place = mark % len(_seen)
        if _seen[place] == mark:
            return _remembered(kind, service.model, body, extra, header, default)
        _seen[place] = mark
    return _read(kind, service.model, body, extra, header, default)


def _read(kind: Kind, model: Model, body: bytes, extra: str, header: str | None, default: str) -> ChatRequest:
    """Read and check the body of a chat request.

    Args:
        kind: the kind of deployment that is asked.
        model: what will answer; its own name stands for the default deployment.
        body: the request body.
        extra: what to do with parameters that the API does not name.
        header: the deployment a header asks for.
        default: the deployment for a request that names none.

    Raises:
        ApiError: for whatever is wrong with it; errors are not remembered.
    """
    parameters = validate(read_object(body), extra)
    named = parameters.get("model")
    deployment = kind.deployment(header, None if named == model.name else named, default)
    check_response_format(parameters, deployment.json)
    if "messages" not in parameters:
        raise not_supported("messages", None, NO_MESSAGES)
    return ChatRequest(deployment, parameters, size=len(body))


_understood: BoundedCache[tuple[Any, ...], ChatRequest] = BoundedCache(24_000_000)


def _remembered(*asked: Any) -> ChatRequest:
    """`_read`, with a cache of what it returned; errors are not kept."""
    known = _understood.get(asked)
    if known is None:  # JSON takes up to 25 times its bytes once it is read, and the answer has bounds of its own
        known = _understood.keep(asked, _read(*asked), 64 * 1024 + 40 * len(asked[2]))
    return known


def _refused(kind: Kind, error: ApiError, session: Session, fault: Fault | None, deployment: str) -> Answer:
    """The answer to a request that comes to nothing, which still was a request."""
    quota = session.quota(deployment)
    quota.take(0)
    answer = kind.error(error)
    answer = replace(answer, headers=answer.headers + quota.headers())
    if fault is None:
        return answer
    return damaged(timing.paced(answer, slowed(timing.Timing(), fault), 0), fault)


class _Named(msgspec.Struct):
    model: Any = None


_decode = msgspec.json.Decoder(_Named).decode  # skips all else, which a body may have much of


def _deployment_of(kind: Kind, request: Request, default: str, error: ApiError) -> str:
    """The deployment whose quota a refused request takes from, as well as it can be told."""
    try:
        header = request.headers.get("azureml-model-deployment")
        unreadable = error.code in ("invalid_json", "body_too_large")
        model = None if header or unreadable else _decode(request.body).model
        return kind.deployment(header, model, default).name
    except (ApiError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return default


def pace_of(request: Request, session: Session) -> timing.Setting:
    """The timing that a request or its session asks for."""
    header = request.headers.get(timing.HEADER)
    return session.timing if header is None else timing.setting(header)


def slowed(pace: timing.Timing, fault: Fault | None) -> timing.Timing:
    """The pace, as far as a fault leaves it."""
    if fault is None:
        return pace
    first_token = pace.first_token if fault.first_token is None else fault.first_token
    return timing.Timing(first_token, fault.tokens_per_second or pace.tokens_per_second)
