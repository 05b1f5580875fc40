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
from mistral_on_azure.endpoint.models import chat_template, safety
from mistral_on_azure.endpoint.models.script import Completion, chosen, cut
from mistral_on_azure.endpoint.service import Service
from mistral_on_azure.endpoint.serving import container, container_answers, scoring
from mistral_on_azure.endpoint.serving.chat import pace_of, slowed
from mistral_on_azure.endpoint.serving.container import Adapter, ContainerChat
from mistral_on_azure.endpoint.serving.container_answers import Refused
from mistral_on_azure.endpoint.serving.engine_request import (
    EngineError,
    check_characters,
    check_length,
    check_limit,
    check_sampling,
    check_template,
)
from mistral_on_azure.endpoint.transport.contents import check_size
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, lines

_SCORE_TOKENS = 16  # what the scoring route generates where no parameter says
_ENDS_AT_ONCE = 50  # a bias on the end token from which on nothing else is likely
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
        check_size(request.body)
        made, tokens = _container(request, deployment, session)
    except Refused as refused:
        made, tokens = wrapped(refused.status, refused.body, refused.headers), 0
    except ApiError as error:
        made, tokens = service.kind.error(error), 0
    made = timing.paced(made, slowed(pace, fault), tokens)
    made = _named(pending.waits(made) if isinstance(pending, Pending) else made, deployment)
    return damaged(made, fault) if fault else made


def _named(made: Answer, deployment: Deployment) -> Answer:
    return replace(made, headers=made.headers + lines((("azureml-model-deployment", deployment.name),)))


def _container(request: Request, deployment: Deployment, session: Session) -> tuple[Answer, int]:
    """What the container answers, and how many tokens it generated.

    Raises:
        Refused: for an answer that is not 200.
    """
    container.check_route(request.method, request.path)
    adapter = Adapter(deployment.container_name, deployment.container_provider)
    if request.path == "/":
        return Answer(200, b'"healthy"'), 0
    if request.path == "/info":
        return Answer(200, adapter.info), 0
    if request.path == "/swagger.json":
        return Answer(200, container_answers.written(container_answers.description())), 0
    if request.path == "/score":
        return _score(request.body, deployment, session)
    content_type = request.headers.get("content-type", "")
    if not request.path.endswith("/chat/completions"):
        container.read_completions(request.body, content_type)
    extra = request.headers.get("extra-parameters")
    asked = container.read_chat(request.body, content_type, extra, adapter, azure=request.path == "/chat/completions")
    return _chat(asked, adapter, deployment, session)


def _chat(asked: ContainerChat, adapter: Adapter, deployment: Deployment, session: Session) -> tuple[Answer, int]:
    prompt_tokens = _check(asked, deployment)
    parameters = {**asked.known, **({"logit_bias": asked.passed.logit_bias} if asked.passed.logit_bias else {})}
    parameters.setdefault("temperature", 1.0 if "seed" in asked.known else 0.0)
    most = asked.max_tokens if asked.max_tokens is not None else deployment.context - prompt_tokens
    n = asked.passed.n or 1
    choices = [_complete(asked, parameters, most, index, deployment) for index in range(n)]
    completed = sum(tokens for _, tokens in choices)
    session.spend(prompt_tokens, completed)
    identifier, created = f"chatcmpl-{random.getrandbits(64):016x}", int(time.time())
    written = [completion for completion, _ in choices]
    if not asked.known.get("stream"):
        texts = [(each.text, each.finish_reason) for each in written]
        return Answer(
            200, container_answers.whole(identifier, created, adapter.name, texts, (prompt_tokens, completed))
        ), completed
    options = asked.passed.stream_options
    usage = (prompt_tokens, completed) if options is not None and options.include_usage else None
    pieces = [(each.pieces, each.finish_reason) for each in written]
    events = container_answers.stream(identifier, created, adapter.name, pieces, usage)
    return Answer(200, b"", b"", "text/event-stream; charset=utf-8", events), completed


def _check(asked: ContainerChat, deployment: Deployment) -> int:
    """What the engine checks once it has the prompt; how many tokens that is."""
    context, most = deployment.context, asked.max_tokens
    name = "max_completion_tokens" if asked.passed.max_completion_tokens is not None else "max_tokens"
    try:
        check_limit(most, context, name)
        check_template(asked.messages)
        check_characters(
            chat_template.render(asked.turns), most, context, chat_template.LONGEST_TOKEN[deployment.tokenizer]
        )
        prompt_tokens = chat_template.count(asked.turns, deployment.tokenizer)
        check_length(prompt_tokens, most, context)
        check_sampling(asked.known, asked.passed, chat_template.VOCABULARY[deployment.tokenizer])
    except EngineError as error:
        raise container_answers.from_engine(error) from None
    try:
        safety.check(asked.prompt)
    except ApiError:
        raise container_answers.unsafe() from None
    return prompt_tokens


def _complete(
    asked: ContainerChat, parameters: dict[str, Any], most: int, index: int, deployment: Deployment
) -> tuple[Completion, int]:
    """One choice, and the tokens that it took: the end token counts where nothing else came."""
    bias = (asked.passed.logit_bias or {}).get(_END, 0.0)
    if bias >= _ENDS_AT_ONCE and not asked.passed.ignore_eos and asked.passed.min_tokens < 1:
        return Completion("", (), ("",), "stop"), 1
    text = chosen(asked.system, asked.prompt, parameters, index)
    if asked.wants_json:
        text = container_answers.written({"answer": text}).decode()
    completion = cut(text, most, asked.known.get("stop"), deployment.tokenizer)
    return completion, len(completion.ids)


def _score(body: bytes, deployment: Deployment, session: Session) -> tuple[Answer, int]:
    read = scoring.read_score(body)
    if read is None:
        return Answer(200, b"{}"), 0
    turns, given = read
    parameters = scoring.score_parameters(given)
    prompt_tokens = chat_template.count(turns, deployment.tokenizer)
    if parameters is None or prompt_tokens > deployment.context:
        return Answer(200, container_answers.written({"output": "None"})), 0
    prompt = next(text for role, text in reversed(turns) if role == "user")
    text = chosen(None, prompt, parameters)
    completion = cut(text, parameters["max_tokens"] or _SCORE_TOKENS, parameters["stop"], deployment.tokenizer)
    session.spend(prompt_tokens, len(completion.ids))
    return Answer(200, container_answers.written({"output": completion.text})), len(completion.ids)
