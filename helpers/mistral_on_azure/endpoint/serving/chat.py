"""The handler of chat completions: validates a request, asks the model, and applies faults and timing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec
from msgspec.structs import replace

from mistral_on_azure.endpoint.api_errors import ApiError, not_supported
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.quota import QuotaExceeded
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.local.faults import damaged, error_of
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.models.completions import usage_asked
from mistral_on_azure.endpoint.models.messages import NO_MESSAGES
from mistral_on_azure.endpoint.models.model import ChatRequest, FaultAsked, Model, Settings
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.serving.handlers import check_api_version
from mistral_on_azure.endpoint.serving.request_parameters import check_response_format, checked_extra, validate
from mistral_on_azure.endpoint.transport.contents import check_content_type, read_object
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_PLACES = 1024
_seen = [0] * _PLACES  # hashes of request bodies
_LONGEST_NAME = 200  # characters of a deployment's name in a header; a longer one is cut
_REMEMBERED = 16 * 1024  # bytes: a longer body is parsed each time


def chat(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """Answer a chat completion request, on any of the paths that the kind of deployment has for it."""
    fault, asked, default = None, None, session.deployment or service.default
    try:
        head = request.known.get("chat")
        if head is None:
            head = request.known["chat"] = _head_of(request)
        fault = session.faults.next(head.fault)
        setting = session.pace(head.timing)
        if fault is not None and fault.status is not None:
            raise error_of(fault)
        asked = _understand(service, request, head, default)
        answer = service.model.answer(
            asked, session.quota(asked.settings.deployment.name), session.spend, session.script
        )
    except QuotaExceeded:
        raise  # not charged, and no fault is applied to it
    except FaultAsked as scripted:
        return _scripted(service.kind, scripted, session, asked, setting)
    except ApiError as error:
        deployment = asked.deployment.name if asked else _deployment_of(service.kind, request, default, error)
        return _refused(service.kind, error, session, fault, deployment)
    if not isinstance(answer, Answer):
        return _awaited(service, session, answer, asked, setting, fault)
    return answer if fault is None and setting is timing.OFF else _slowed_or_damaged(answer, asked, setting, fault)


async def _awaited(
    service: Service,
    session: Session,
    coming: Awaitable[Answer],
    asked: ChatRequest,
    setting: timing.Setting,
    fault: Fault | None,
) -> Answer:
    """Await the model's answer. A real engine's stream is collected first if a timing or a fault applies to it."""
    try:
        answer = await coming
    except QuotaExceeded:
        raise
    except FaultAsked as scripted:
        return _scripted(service.kind, scripted, session, asked, setting)
    except ApiError as error:
        if not isinstance(service.model, Script):
            raise  # a real engine has charged the quota already
        return _refused(service.kind, error, session, fault, asked.deployment.name)
    if fault is None and setting is timing.OFF:
        return answer
    if answer.source is not None:
        answer = replace(answer, source=None, events=tuple([event async for event in answer.source]))
    if answer.events is not None and not answer.tokens:
        # Besides its tokens, a stream has events with the role, the end, [DONE] and perhaps usage.
        around = 4 if usage_asked(asked.settings.parameters) else 3
        answer = replace(answer, tokens=len(answer.events) - around)
    return _slowed_or_damaged(answer, asked, setting, fault)


def _scripted(
    kind: Kind, scripted: FaultAsked, session: Session, asked: ChatRequest, setting: timing.Setting
) -> Answer:
    """The answer with the script's fault, which replaces a fault that the client requested."""
    if scripted.answer is None:
        error = error_of(scripted.fault)
        return _refused(kind, error, session, scripted.fault, asked.deployment.name)
    return _slowed_or_damaged(scripted.answer, asked, setting, scripted.fault)


def _slowed_or_damaged(answer: Answer, asked: ChatRequest, setting: timing.Setting, fault: Fault | None) -> Answer:
    return damaged(timing.paced(answer, setting.of(asked.deployment.name), fault), fault)


class _Head(msgspec.Struct):
    """The headers of a chat request that are read here.

    Attributes:
        fault, timing: what the client asks of the local endpoint.
        deployment: the deployment's name.
        extra: what becomes of parameters that the API does not define; "" until the headers and the query are checked.
    """

    fault: str | None
    timing: str | None
    deployment: str | None
    extra: str = ""


def _head_of(request: Request) -> _Head:
    headers = request.headers
    name = headers.get("azureml-model-deployment", "")[:_LONGEST_NAME] or None  # no deployment has a longer one
    return _Head(headers.get(faults.HEADER), headers.get(timing.HEADER), name)


def _check_head(kind: Kind, request: Request, head: _Head) -> None:
    """Check the query and the headers, which need not be done again for the same head.

    Raises:
        ApiError: 400 or 415.
    """
    if request.query:
        check_api_version(request, kind.api_versions)
    check_content_type(request)
    extra = request.headers.get("extra-parameters")
    head.extra = kind.addresses[request.path].extra if extra is None else checked_extra(extra)


def _understand(service: Service, request: Request, head: _Head, default: str) -> ChatRequest:
    """Parse and validate a chat request.

    The result is cached when the same body comes a second time, as most bodies come only once.
    """
    if not head.extra:
        _check_head(service.kind, request, head)
    body = request.body
    if len(body) <= _REMEMBERED:
        mark = hash(body)
        place = mark % _PLACES
        if _seen[place] == mark:
            return _remembered(service.kind, service.model, body, head.extra, head.deployment, default)
        _seen[place] = mark
    return _read(service.kind, service.model, body, head.extra, head.deployment, default)


def _read(kind: Kind, model: Model, body: bytes, extra: str, header: str | None, default: str) -> ChatRequest:
    """Parse and validate the body of a chat request.

    Args:
        extra: the value of `extra-parameters`: "error", "drop" or "pass-through".
        header: the header `azureml-model-deployment`.
        default: the deployment for a request that names none.

    Raises:
        ApiError: 400, 404, 410, 413 or 422 for an invalid body.
    """
    if len(body) > _REMEMBERED:
        return _validated(kind, model, body, extra, header, default)
    given = read_object(body)
    messages = given.pop("messages", None)
    if type(messages) is not list or "tools" in given:
        return _validated(kind, model, body, extra, header, default)
    key = kind, model.name, extra, header, default, _encode(given)
    settings = _settings.get(key)
    if settings is None:  # read again, as an error names the first wrong parameter
        settings = _validated(kind, model, body, extra, header, default).settings
        _settings.keep(key, settings, 192 * 1024 + 40 * len(key[-1]))  # most of it for what the script keeps
    return ChatRequest(settings, messages, len(body))


_encode = msgspec.json.Encoder().encode
_settings: BoundedCache[tuple[Any, ...], Settings] = BoundedCache(24_000_000)


def _validated(kind: Kind, model: Model, body: bytes, extra: str, header: str | None, default: str) -> ChatRequest:
    """`_read` without the cache of settings."""
    parameters = validate(read_object(body), extra)
    named = parameters.get("model")
    # The own name of a real engine's model stands for the default deployment.
    deployment = kind.deployment(header, None if named == model.name else named, default)
    check_response_format(parameters, deployment.json)
    if "messages" not in parameters:
        raise not_supported("messages", None, NO_MESSAGES)
    messages = parameters.pop("messages")
    return ChatRequest(Settings(deployment, parameters), messages, len(body))


_understood: BoundedCache[tuple[Any, ...], ChatRequest] = BoundedCache(24_000_000)


def _remembered(*asked: Any) -> ChatRequest:
    """`_read` with a cache of its results. Errors are not cached."""
    known = _understood.get(asked)
    if known is None:  # decoded JSON takes up to 25 times its bytes; 64 kB are for the answer that the script keeps
        known = _understood.keep(asked, _read(*asked), 64 * 1024 + 40 * len(asked[2]))
    return known


def _refused(kind: Kind, error: ApiError, session: Session, fault: Fault | None, deployment: str) -> Answer:
    """The error response to a request, which is charged as a request without tokens."""
    quota = session.quota(deployment)
    quota.take(0)
    answer = kind.error(error)
    answer = replace(answer, headers=answer.headers + quota.headers())
    return damaged(timing.paced(answer, timing.NO_WAITING, fault), fault)


class _Named(msgspec.Struct):
    model: Any = None


_decode = msgspec.json.Decoder(_Named).decode  # decodes `model` alone


def _deployment_of(kind: Kind, request: Request, default: str, error: ApiError) -> str:
    """The deployment whose quota is charged for a refused request: the default one if the body names none legibly."""
    try:
        header = request.headers.get("azureml-model-deployment")
        unreadable = error.code in ("invalid_json", "body_too_large")
        model = None if header or unreadable else _decode(request.body).model
        return kind.deployment(header, model, default).name
    except (ApiError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return default
