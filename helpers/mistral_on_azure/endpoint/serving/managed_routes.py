"""The handler of all paths on managed compute: gateway, container and engine; the model is always the script."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.bounds import LARGE, LONG, in_background, in_event_loop
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.managed import ConcurrencyLimit, wrapped
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.local.faults import damaged, error_of
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.models.model import FaultAsked
from mistral_on_azure.endpoint.models.sampling import Completion, cut, is_object, pick
from mistral_on_azure.endpoint.models.script_entries import Question
from mistral_on_azure.endpoint.models.script_layers import Answers
from mistral_on_azure.endpoint.models.tokens import tables_are_read, vocabulary_size
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.serving import container
from mistral_on_azure.endpoint.serving import container_answers as answers
from mistral_on_azure.endpoint.serving.container import ContainerChat
from mistral_on_azure.endpoint.serving.container_answers import Refused
from mistral_on_azure.endpoint.serving.container_body import schemas_are_read
from mistral_on_azure.endpoint.serving.engine_checks import check, late_error
from mistral_on_azure.endpoint.serving.engine_request import EngineError
from mistral_on_azure.endpoint.serving.scoring import score
from mistral_on_azure.endpoint.transport import listener
from mistral_on_azure.endpoint.transport.contents import check_size
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, lines

_ENDS_AT_ONCE = 50  # a bias on the end token that makes an empty completion certain
# The tokens that all choices of a response may have, and the number that the JSON around each choice counts as.
_WRITTEN, _AROUND = 20_000, 20
_EVENT = 4  # the tokens that one counts as in a stream, where each has an event of its own
_LONGEST_ID = 200  # characters of `x-request-id` in the completion's id, which each event of a stream repeats
_TOO_MUCH = "The choices are too long together for the local endpoint: ask for fewer, or for shorter ones."
_END = "2"  # the id of </s>


@dataclass(frozen=True, slots=True)
class _Call:
    """What the gateway needs of a request to send its response."""

    kind: Kind
    deployment: Deployment
    session: Session
    pending: ConcurrencyLimit
    pace: timing.Timing
    fault: Fault | None


def answer(service: Service, request: Request, session: Session) -> Answer | Awaitable[Answer]:
    """Answer a request on any path: check the limit of concurrent requests, then ask the container."""
    deployment = service.kind.deployment(
        request.headers.get("azureml-model-deployment"), None, session.deployment or service.default
    )
    pending = session.quota(deployment.name)
    fault = (
        session.faults.next(request.headers.get(faults.HEADER)) if request.path.endswith("chat/completions") else None
    )
    pace = session.pace(request.headers.get(timing.HEADER)).of(deployment.name)
    call = _Call(service.kind, deployment, session, pending, pace, fault)
    try:
        pending.take()
        if fault is not None and fault.status is not None:
            raise error_of(fault)
        _check_size(request.body)
        known = service.model.files.answers(session.script.strict)
    except ApiError as error:
        return _passed_on(call, error)
    size = len(request.body)
    long = size > LARGE or session.script.longest(known) > LONG // _EVENT or not tables_are_read(size)
    long = long or not schemas_are_read(request.body)
    if long and in_event_loop():
        return _answer_later(call, request, known)
    return _passed_on(call, _outcome(call, request, known))


async def _answer_later(call: _Call, request: Request, known: Answers) -> Answer:
    """Make the container's response in the background thread. The request counts as concurrent meanwhile."""
    with call.pending.working():
        outcome = await in_background(_outcome, call, request, known)
    return _passed_on(call, outcome)


def _outcome(call: _Call, request: Request, known: Answers) -> Answer | Refused | FaultAsked | ApiError:
    """The container's response, or the exception that replaces it."""
    try:
        return _container(call, request, known)
    except (Refused, FaultAsked, ApiError) as error:
        return error


def _passed_on(call: _Call, outcome: Answer | Refused | FaultAsked | ApiError) -> Answer:
    """The gateway's response for an outcome of the container, with timing and faults applied."""
    fault, made = call.fault, outcome
    if isinstance(outcome, FaultAsked):
        fault, made = outcome.fault, outcome.answer
    if isinstance(made, ApiError):  # the gateway's own error, which does not wait for the container
        made = call.kind.error(made)
    elif made is None:  # an error of the script
        made = timing.paced(call.kind.error(error_of(fault)), timing.NO_WAITING, fault)
    elif isinstance(made, Refused):
        made = call.pending.waits(wrapped(made.status, made.body, made.headers, made.content_type))
    else:
        call.session.spend(made.prompt_tokens, made.tokens)
        made = call.pending.waits(timing.paced(made, call.pace, fault))
    name = lines((("azureml-model-deployment", call.deployment.name),))
    made = replace(made, headers=made.headers + name)
    return damaged(made, fault)


def _check_size(body: bytes) -> None:
    """Refuse JSON with too many values. For nesting and long numbers, the container has its own errors."""
    try:
        check_size(body)
    except ApiError as error:
        if error.status == 413:
            raise


def _container(call: _Call, request: Request, known: Answers) -> Answer:
    """The container's response to a request.

    Raises:
        Refused: for a response that is not 200.
        FaultAsked: for a fault of the script.
    """
    if listener.is_preflight(request.method, request.headers):
        return answers.preflight(request)
    path = request.path
    if path not in _ROUTES and path.endswith("/") and path[:-1] in _ROUTES:
        raise Refused(307, headers=(("location", path[:-1]),))
    if path not in _ROUTES:
        raise Refused(404, {"detail": "Not Found"})
    methods, make = _ROUTES[path]
    if request.method not in methods.split(", "):
        raise Refused(405, {"detail": "Method Not Allowed"}, (("allow", methods),))
    return make(call, request, known)


def _completions(call: _Call, request: Request, known: Answers) -> NoReturn:
    container.read_completions(request.body, request.headers.get("content-type", ""))


def _chat(call: _Call, request: Request, known: Answers) -> Answer:
    asked = container.read_chat(
        request.body,
        request.headers.get("content-type", ""),
        request.headers.get("extra-parameters"),
        call.deployment.container_provider,
        azure=request.path == "/chat/completions",
        filtered=known.filtered,
    )
    identifier = request.headers.get("x-request-id", "")[:_LONGEST_ID] or f"{random.getrandbits(64):016x}"
    return _completed(call, asked, known, f"chatcmpl-{identifier}")


def _completed(call: _Call, asked: ContainerChat, known: Answers, identifier: str) -> Answer:
    body, deployment, script = asked.body, call.deployment, call.session.script
    try:
        prompt_tokens = check(asked.messages, asked.turns, body, deployment)
    except EngineError as error:
        raise answers.from_engine(error) from None
    late = late_error(body, vocabulary_size(deployment.tokenizer))
    if late is not None and not body.stream:
        raise answers.from_engine(late)
    if late is not None:
        return answers.broken_stream(late, deployment.container_name)
    parameters = {
        "temperature": body.temperature if body.temperature is not None else 0.0 if body.seed is None else 1.0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "seed": body.seed,
        "logit_bias": body.logit_bias,
    }
    parameters = {name: value for name, value in parameters.items() if value is not None}
    most = body.limit if body.limit is not None else deployment.context - prompt_tokens
    found = script.find(known, Question(asked.prompt, asked.system, asked.last, deployment.name))
    texts = (found.texts() if found else ()) or (known.unknown_prompt or "",)
    delay, fault = (found.given.more.delay, script.advance(found)) if found else (0.0, None)
    if fault is not None and fault.status is not None:
        raise FaultAsked(fault, delay=delay)
    choices, completed, weight = [], 0, _EVENT if body.stream else 1
    complete = cache(lambda text: _complete(asked, text, most, deployment))
    for index in range(body.choices):
        choices.append(complete(texts[pick(texts, asked.prompt, parameters, index)]))
        completed += choices[-1][1]
        if index and completed * weight + _AROUND * body.choices > _WRITTEN:
            raise answers.from_engine(EngineError(_TOO_MUCH))
    reason = found.given.more.finish_reason if found else None
    ended = [completion.ended(reason, None) for completion, _ in choices]
    name, role, usage = deployment.container_name, asked.messages[-1]["role"], (prompt_tokens, completed)
    made = answers.completed(identifier, name, body, role, ended, usage)
    made = replace(made, delay=delay, tokens=completed, prompt_tokens=prompt_tokens)
    if fault is not None:
        raise FaultAsked(fault, made)
    return made


def _complete(asked: ContainerChat, text: str, most: int, deployment: Deployment) -> tuple[Completion, int]:
    """One choice, made from a text of the script, and the number of its completion tokens.

    The end token counts where a completion is empty, and after a choice of `structured_outputs`.
    """
    body = asked.body
    bias = (body.logit_bias or {}).get(_END, 0.0)
    if bias >= _ENDS_AT_ONCE and not body.ignore_eos and body.min_tokens < 1:
        return Completion("", (), ("",), "stop"), 1
    if body.structured_outputs and (choice := body.structured_outputs.choice):
        completion = cut(choice[0], most, body.stop, deployment.tokenizer)
        ended = completion.finish_reason == "stop"  # the engine generates the end token after the choice
        return completion, len(completion.ids) + ended
    if (body.response_format or {}).get("type") == "json_object" and not is_object(text):
        text = answers.written({"answer": text}).decode()
    completion = cut(text, most, body.stop, deployment.tokenizer)
    return completion, len(completion.ids)


# The container's routes: the methods of each path, and the function that makes its response.
_ROUTES: dict[str, tuple[str, Callable[[_Call, Request, Answers], Answer]]] = {
    "/": ("GET", lambda call, request, known: Answer(200, b'"healthy"')),
    "/info": ("GET", lambda call, request, known: Answer(200, answers.info(call.deployment))),
    "/swagger.json": ("HEAD, GET", lambda call, request, known: Answer(200, answers.description())),
    "/redoc": ("HEAD, GET", lambda call, request, known: Answer(200, answers.PAGE, b"", "text/html; charset=utf-8")),
    "/score": ("POST", lambda call, request, known: score(request.body, call.deployment, call.session, known)),
    "/chat/completions": ("POST", _chat),
    "/v1/chat/completions": ("POST", _chat),
    "/completions": ("POST", _completions),
    "/v1/completions": ("POST", _completions),
}
