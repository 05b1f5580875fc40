"""Chat completions: one request through faults, validation, quota and timing to its answer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from mistral_on_azure.endpoint.gateway.api_errors import ApiError
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.local.damage import damaged, error_of
from mistral_on_azure.endpoint.local.faults import Fault
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.serving import completions
from mistral_on_azure.endpoint.serving.request_parameters import extra_parameters, validate
from mistral_on_azure.endpoint.serving.requests import (
    check_api_version,
    check_content_type,
    deployment_asked_for,
    read_object,
)
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

if TYPE_CHECKING:
    from mistral_on_azure.endpoint.models.engine import RealModel
    from mistral_on_azure.endpoint.serving.application import Application

_seen = [0] * 1024  # hashes of bodies
_REMEMBERED = 16 * 1024  # bytes: a longer body is understood anew each time


def azure_chat(application: Application, request: Request, session: Session) -> Answer:
    """`POST /chat/completions`: parameters outside the API are errors unless a header says otherwise."""
    return _chat(application, request, session, "error")


def openai_chat(application: Application, request: Request, session: Session) -> Answer:
    """`POST /v1/chat/completions`: OpenAI's clients expect the model's own parameters to be passed on."""
    return _chat(application, request, session, "pass-through")


def score(application: Application, request: Request, session: Session) -> Answer:
    """`POST /score`: what a managed endpoint's own scoring route does with a chat request."""
    raise ApiError(
        424,
        "failed_dependency",
        "The scoring route does not speak the chat API. Use the endpoint without '/score'.",
    )


def _chat(application: Application, request: Request, session: Session, extra: str) -> Answer:
    fault, default = None, session.deployment or application.default
    try:
        fault = session.faults.next(request.headers.get(faults.HEADER))
        setting = _setting(request, session)
        if fault is not None and fault.status is not None:
            raise error_of(fault)
        result = _understand(request, extra, default, application.model and application.model.model)
    except ApiError as error:
        return _refused(error, request, session, fault, default)
    quota = session.quota(result.deployment.name)
    if application.model is not None:
        return _thought(application.model, result, session, setting, fault)
    quota.take(result.prompt_tokens + result.completion_tokens)
    session.spend(result.prompt_tokens, result.completion_tokens)
    if result.parameters.get("stream"):
        answer = Answer(200, b"", quota.headers(), "text/event-stream", completions.events(result))
    else:
        answer = Answer(200, completions.body(result), quota.headers())
    if fault is None and setting is timing.OFF:
        return answer
    wanted = _slowed(setting.of(result.deployment.name), fault)
    answer = timing.paced(answer, wanted, result.completion_tokens)
    return damaged(answer, fault) if fault else answer


async def _thought(
    model: RealModel, result: completions.Result, session: Session, setting: timing.Setting, fault: Fault | None
) -> Answer:
    """A real model's answer. It is passed on as it comes; only a timing or a fault has to know all of it first."""
    answer = await model.answer(result, session.quota(result.deployment.name), session.spend)
    if fault is None and setting is timing.OFF:
        return answer
    if answer.source is not None:
        answer = replace(answer, source=None, events=tuple([event async for event in answer.source]))
    around = 4 if completions.usage_asked(result.parameters) else 3  # a role, an end, [DONE] and perhaps usage
    tokens = len(answer.events) - around if answer.events else 0
    answer = timing.paced(answer, _slowed(setting.of(result.deployment.name), fault), tokens)
    return damaged(answer, fault) if fault else answer


def _understand(request: Request, extra: str, default: str, alias: str | None) -> completions.Result:
    """What a request is answered with.

    The same body always gets the same answer, so it is remembered: from the second time on, as most never come again.
    """
    check_api_version(request)
    check_content_type(request)
    body, headers = request.body, request.headers
    extra = extra_parameters(headers.get("extra-parameters"), extra)
    wanted = headers.get("azureml-model-deployment")
    mark = hash(body)
    place = mark % len(_seen)
    if _seen[place] == mark and len(body) <= _REMEMBERED:
        return _result(body, extra, wanted, default, alias)
    _seen[place] = mark
    return _worked_out(body, extra, wanted, default, alias)


def _worked_out(body: bytes, extra: str, wanted: str | None, default: str, alias: str | None) -> completions.Result:
    """What a body is answered with.

    Args:
        body: the request body.
        extra: what to do with parameters that the API does not name.
        wanted: the deployment a header asks for.
        default: the deployment for a request that names none.
        alias: a real model's own name, by which the default deployment is known as well.

    Raises:
        ApiError: for whatever is wrong with it; errors are not remembered.
    """
    parameters = validate(read_object(body), extra)
    model = parameters.get("model")
    deployment = deployment_asked_for(wanted, None if model == alias else model, default)
    return completions.result(deployment, parameters)


_result = lru_cache(maxsize=512)(_worked_out)


def _refused(error: ApiError, request: Request, session: Session, fault: Fault | None, default: str) -> Answer:
    """The answer to a request that comes to nothing, which still was a request."""
    quota = session.quota(_deployment_of(request, default))
    quota.take(0)
    answer = error.answer()
    answer = replace(answer, headers=answer.headers + quota.headers())
    if fault is None:
        return answer
    return damaged(timing.paced(answer, _slowed(timing.Timing(), fault), 0), fault)


def _deployment_of(request: Request, default: str) -> str:
    """The deployment whose quota a refused request takes from, as well as it can be told."""
    try:
        header = request.headers.get("azureml-model-deployment")
        model = None if header else read_object(request.body).get("model")
        return deployment_asked_for(header, model, default).name
    except ApiError:
        return default


def _setting(request: Request, session: Session) -> timing.Setting:
    header = request.headers.get(timing.HEADER)
    return session.timing if header is None else timing.setting(header)


def _slowed(pace: timing.Timing, fault: Fault | None) -> timing.Timing:
    """The pace, as far as a fault leaves it."""
    if fault is None:
        return pace
    first_token = pace.first_token if fault.first_token is None else fault.first_token
    return timing.Timing(first_token, fault.tokens_per_second or pace.tokens_per_second)
