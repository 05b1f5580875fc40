"""What managed compute answers on any path: the container's routes, with the script as the engine behind it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.managed import Pending, wrapped
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.local.damage import damaged, error_of
from mistral_on_azure.endpoint.local.sessions import Session
from mistral_on_azure.endpoint.models import chat_template
from mistral_on_azure.endpoint.models.script import Completion, chosen, cut
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.serving import container, scoring
from mistral_on_azure.endpoint.serving import container_answers as answers
from mistral_on_azure.endpoint.serving.chat import pace_of, slowed
from mistral_on_azure.endpoint.serving.container import Adapter, ContainerChat
from mistral_on_azure.endpoint.serving.container_answers import Refused
from mistral_on_azure.endpoint.serving.engine_messages import check_template
from mistral_on_azure.endpoint.serving.engine_request import EngineError, StreamOptions
from mistral_on_azure.endpoint.serving.engine_sampling import (
    check_characters,
    check_continuing,
    check_length,
    check_limit,
    check_sampling,
    late_error,
)
from mistral_on_azure.endpoint.transport.contents import check_size
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, lines

_SCORE_TOKENS = 16  # what the scoring route generates where no parameter says
_ENDS_AT_ONCE = 50  # a bias on the end token from which on nothing else is likely
_EVENTS = "text/event-stream; charset=utf-8"
_END = "2"  # the id of </s>


def answer(service: Service, request: Request, session: Session) -> Answer:
    """Answer a request on any path of the endpoint, in the gateway's way."""
    deployment = service.kind.deployment(
        request.headers.get("azureml-model-deployment"), None, session.deployment or service.default
    )
    pending = session.quota(deployment.name)
    fault = (
        session.faults.next(request.headers.get(faults.HEADER)) if request.path.endswith("chat/completions") else None
    )
    pace = pace_of(request, session).of(deployment.name)
    try:
        pending.take(0)
        if fault is not None and fault.status is not None:
            raise error_of(fault)
        _check_size(request.body)
        made, tokens = _container(request, deployment, session)
        made = timing.paced(made, slowed(pace, fault), tokens)
    except Refused as refused:
        made = wrapped(refused.status, refused.body, refused.headers)
    except ApiError as error:  # the gateway's own, which waits for nothing
        made = _named(service.kind.error(error), deployment)
        return damaged(made, fault) if fault else made
    made = _named(pending.waits(made) if isinstance(pending, Pending) else made, deployment)
    return damaged(made, fault) if fault else made


def _check_size(body: bytes) -> None:
    """Refuse JSON that is too much work. Depth and long numbers are left to the container, which has errors."""
    try:
        check_size(body)
    except ApiError as error:
        if error.status == 413:
            raise


def _named(made: Answer, deployment: Deployment) -> Answer:
    return replace(made, headers=made.headers + lines((("azureml-model-deployment", deployment.name),)))


def _container(request: Request, deployment: Deployment, session: Session) -> tuple[Answer, int]:
    """What the container answers, and how many tokens it generated.

    Raises:
        Refused: for an answer that is not 200.
    """
    answers.check_route(request.method, request.path)
    adapter = Adapter(deployment.container_name, deployment.container_provider)
    if request.path == "/":
        return Answer(200, b'"healthy"'), 0
    if request.path == "/info":
        return Answer(200, adapter.info), 0
    if request.path == "/swagger.json":
        return Answer(200, answers.written(answers.description())), 0
    if request.path == "/redoc":
        return Answer(200, answers.PAGE, b"", "text/html; charset=utf-8"), 0
    if request.path == "/score":
        return _score(request.body, deployment, session)
    content_type = request.headers.get("content-type", "")
    if not request.path.endswith("/chat/completions"):
        container.read_completions(request.body, content_type)
    extra = request.headers.get("extra-parameters")
    asked = container.read_chat(request.body, content_type, extra, adapter, azure=request.path == "/chat/completions")
    identifier = request.headers.get("x-request-id") or f"{random.getrandbits(64):016x}"
    return _chat(asked, adapter, deployment, session, f"chatcmpl-{identifier}")


def _chat(
    asked: ContainerChat, adapter: Adapter, deployment: Deployment, session: Session, identifier: str
) -> tuple[Answer, int]:
    body, created = asked.body, int(time.time())
    prompt_tokens = _check(asked, deployment)
    late = late_error(body, chat_template.VOCABULARY[deployment.tokenizer])
    if late is not None and not body.stream:
        raise answers.from_engine(late)
    if late is not None:
        return Answer(200, b"", b"", _EVENTS, answers.broken_stream(late, adapter.name)), 0
    parameters = {
        "temperature": body.temperature if body.temperature is not None else 0.0 if body.seed is None else 1.0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "seed": body.seed,
        "logit_bias": body.logit_bias,
    }
    parameters = {name: value for name, value in parameters.items() if value is not None}
    most = body.limit if body.limit is not None else deployment.context - prompt_tokens
    choices = [_complete(asked, parameters, most, index, deployment) for index in range(body.choices)]
    completed = sum(tokens for _, tokens in choices)
    session.spend(prompt_tokens, completed)
    written = [completion for completion, _ in choices]
    if not body.stream:
        texts = [(each.text, each.finish_reason) for each in written]
        usage = prompt_tokens, completed
        role = "assistant" if body.add_generation_prompt else asked.messages[-1]["role"]
        return Answer(200, answers.whole(identifier, created, adapter.name, texts, usage, role)), completed
    options = body.stream_options or StreamOptions()
    counts = (prompt_tokens, completed) if options.include_usage else None
    pieces = [(each.pieces, each.finish_reason) for each in written]
    events = answers.stream(
        identifier, created, adapter.name, pieces, counts, continuous=bool(options.continuous_usage_stats)
    )
    return Answer(200, b"", b"", _EVENTS, events), completed


def _check(asked: ContainerChat, deployment: Deployment) -> int:
    """What the engine checks once the request is valid; how many tokens the prompt has."""
    context, body = deployment.context, asked.body
    try:
        check_limit(body, context)
        check_template(asked.messages)
        check_continuing(body)
        prompt = chat_template.render(asked.turns)
        check_characters(prompt, body, context, chat_template.LONGEST_TOKEN[deployment.tokenizer])
        prompt_tokens = chat_template.count(asked.turns, deployment.tokenizer)
        check_length(prompt_tokens, len(prompt), body, context)
        check_sampling(body)
    except EngineError as error:
        raise answers.from_engine(error) from None
    return prompt_tokens


def _complete(
    asked: ContainerChat, parameters: dict[str, Any], most: int, index: int, deployment: Deployment
) -> tuple[Completion, int]:
    """One choice, and the tokens that it took: the end token counts where nothing else came."""
    body = asked.body
    bias = (body.logit_bias or {}).get(_END, 0.0)
    if bias >= _ENDS_AT_ONCE and not body.ignore_eos and body.min_tokens < 1:
        return Completion("", (), ("",), "stop"), 1
    if choice := (body.structured_outputs or {}).get("choice"):
        completion = cut(str(choice[0]), most, body.stop, deployment.tokenizer)
        ended = completion.finish_reason == "stop"  # the engine generates the end token after the choice
        return completion, len(completion.ids) + ended
    text = chosen(asked.system, asked.prompt, parameters, index)
    if body.wants_json:
        text = answers.written({"answer": text}).decode()
    completion = cut(text, most, body.stop, deployment.tokenizer)
    return completion, len(completion.ids)


def _score(body: bytes, deployment: Deployment, session: Session) -> tuple[Answer, int]:
    read = scoring.read_score(body)
    if read is None:
        return Answer(200, b"{}"), 0
    turns, given = read
    parameters = scoring.score_parameters(given)
    prompt_tokens = chat_template.count(turns, deployment.tokenizer)
    if parameters is None or prompt_tokens > deployment.context:
        return Answer(200, answers.written({"output": "None"})), 0
    prompt = next(text for role, text in reversed(turns) if role == "user")
    text = chosen(None, prompt, parameters)
    completion = cut(text, parameters["max_tokens"] or _SCORE_TOKENS, parameters["stop"], deployment.tokenizer)
    session.spend(prompt_tokens, len(completion.ids))
    return Answer(200, answers.written({"output": completion.text})), len(completion.ids)
