"""`Script`: the model that answers from a script, with exact tokens and the deployment's context length and tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Sequence
from typing import Any

from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import not_supported
from mistral_on_azure.endpoint.bounds import LARGE, in_background
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models import completions, published_tokens
from mistral_on_azure.endpoint.models.completions import Result
from mistral_on_azure.endpoint.models.conversation import conversation, request_of
from mistral_on_azure.endpoint.models.messages import NO_MESSAGES, Conversation, guarded, last_text, refuse_filtered
from mistral_on_azure.endpoint.models.model import ChatRequest, FaultAsked, Spend
from mistral_on_azure.endpoint.models.sampling import pick
from mistral_on_azure.endpoint.models.script import Completion, calling, cut
from mistral_on_azure.endpoint.models.script_entries import Found, Question
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_layers import Answers, Layer, SessionScript
from mistral_on_azure.endpoint.models.script_request import (
    FEW,
    LONGEST_TOKEN,
    Wanted,
    characters,
    check_answers,
    check_bias,
    check_context,
    takes_long,
    wanted_of,
)
from mistral_on_azure.endpoint.models.tokens import BLOCK, count_prompt
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

_EVENTS = "text/event-stream"
_ESTIMATED = lines((("x-local-tokens", "estimated"),))  # for models whose tokenizer is not published


class Script:
    """A model that answers from the script. `model.Model` describes the members.

    Args:
        files: the files of the script; None is the endpoint's own script.
    """

    name = None
    info = None

    def __init__(self, files: ScriptFiles | None = None) -> None:
        self.files = files or ScriptFiles()

    def answer(self, asked: ChatRequest, quota: Quota, spend: Spend, own: SessionScript) -> Answer | Awaitable[Answer]:
        """Answer from the script. All tokens are charged before the response is written.

        A request that may take long, because it is large or has tools, is checked first: a lower bound of its tokens
        must fit into the context and the quota.
        """
        answers, settings = self.files.answers(own.strict), asked.settings
        wanted = settings.kept
        if wanted is None:
            wanted = settings.kept = wanted_of(settings.deployment, settings.parameters)
        if asked.size > LARGE or wanted.tools:
            least = characters(asked.messages) // LONGEST_TOKEN
            check_context(wanted.deployment, least, wanted.max_tokens, "at least ")
            quota.check(least)
        kept = asked.kept
        if kept is not None and kept[0] is answers and kept[1] is own.layer:
            return self._charged(kept[2], quota, spend, own)
        if (asked.size > 2 * BLOCK or not wanted.quick) and takes_long(asked.size, wanted, own.longest(answers)):
            return self._answer_later(asked, wanted, answers, quota, spend, own)
        layer, result = own.layer, work_out(wanted, asked.messages, answers, own)
        _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own)

    async def _answer_later(
        self, asked: ChatRequest, wanted: Wanted, answers: Answers, quota: Quota, spend: Spend, own: SessionScript
    ) -> Answer:
        layer = own.layer  # a client may replace it meanwhile
        result, written = await in_background(_write_out, wanted, asked.messages, answers, own)
        if asked.size <= LARGE:
            _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own, written)

    def _charged(
        self, result: Result, quota: Quota, spend: Spend, own: SessionScript, written: completions.Written | None = None
    ) -> Answer:
        prompt, completed, found = result.prompt_tokens, result.completion_tokens, result.found
        fault, delay = None, 0.0
        if found is not None:
            delay = found.entry.replies[found.reply].more.delay
            if found.entry.staged:
                quota.check(prompt + completed)  # before `advance`: a request that gets 429 must not use up a reply
                fault = own.advance(found)
                if fault is not None and fault.status is not None:
                    raise FaultAsked(fault, delay=delay)
        quota.take(prompt + completed)
        spend(prompt, completed)
        headers = quota.headers() + (_ESTIMATED if result.deployment.estimated else b"")
        written = written or completions.written(result)
        if type(written) is bytes:
            answer = Answer(200, written, headers, delay=delay, tokens=completed, prompt_tokens=prompt)
        else:
            answer = Answer(200, b"", headers, _EVENTS, written, delay, tokens=completed, prompt_tokens=prompt)
        if fault is not None:
            raise FaultAsked(fault, answer)
        return answer


def _keep(asked: ChatRequest, answers: Answers, layer: Layer | None, result: Result) -> None:
    """Cache a result for the same request, if it is short and does not depend on earlier requests."""
    if result.small and not (result.found and result.found.entry.staged):
        asked.kept = answers, layer, result


def _write_out(*given: Any) -> tuple[Result, completions.Written]:
    """The result of a request, and its encoded response."""
    result = work_out(*given)
    return result, completions.written(result)


def work_out(wanted: Wanted, messages: list[Any], answers: Answers, own: SessionScript) -> Result:
    """Compute the result of a request.

    Args:
        answers: the layers of the script.
        own: the script of the session.

    Raises:
        ApiError: 400 for messages that break a rule, exceed the context, are filtered or unexpected; 422 for features
            that the deployment does not support.
    """
    deployment, parameters, tools, limit = wanted.deployment, wanted.parameters, wanted.tools, wanted.max_tokens
    if not messages:
        raise not_supported("messages", [], NO_MESSAGES)
    if tools and not deployment.tools:
        raise not_supported("tools", "tools", f"{deployment.name} cannot call tools.")
    talk = conversation(messages, tools)
    if talk.history and not deployment.tools:
        raise not_supported("messages", "tool_calls", f"{deployment.name} cannot call tools.")
    refuse_filtered(talk.prompt, answers.filtered)
    if wanted.special:
        if parameters.get("logit_bias"):
            check_bias(parameters["logit_bias"], deployment)
        if parameters.get("safe_prompt"):
            messages = guarded(messages)
            # Exchanges match the client's system message, without the guardrail.
            talk = replace(conversation(messages, tools), system=talk.system)
    most = 2 * deployment.context  # counting stops here, as the prompt does not fit
    if deployment.sold:
        prompt_tokens = _tokens_of_sold(deployment, talk, messages, tools, most)
    else:
        prompt_tokens = count_prompt(talk.turns, most)  # in the v3 format
    if prompt_tokens + (limit or 1) > deployment.context:
        check_context(deployment, prompt_tokens, limit, "at least " if prompt_tokens > most else "")
    found = own.find(answers, _question(talk, messages, wanted))
    repeats = wanted.greedy and found is not None and found.entry.fixed and not talk.prefix
    if repeats:
        completion = wanted.known.get(found.entry)
        if completion is not None:
            completed, choice = len(completion.ids), b"" if wanted.alternatives else completion.choice
            return Result(deployment, (completion,), prompt_tokens, parameters, completed, found, choice)
    limited = parameters
    if limit is None:  # the rest of the context limits the completion
        room = deployment.context - prompt_tokens
        limited = {**parameters, "max_tokens": min(room, deployment.output or room)}
    choices, completed = [], 0
    for index in range(wanted.choices):
        completion = _complete(talk, limited, index, found, answers.unknown_prompt or "", deployment.counted_with)
        choices.append(completion)
        completed += len(completion.ids)
        if completed > FEW:
            check_answers(completed, wanted)
    if repeats:
        wanted.keep(found.entry, choices[0])
    return Result(deployment, tuple(choices), prompt_tokens, parameters, completed, found)


def _tokens_of_sold(
    deployment: Deployment, talk: Conversation, messages: list[Any], tools: Sequence[Any], most: int
) -> int:
    """The prompt tokens of a model that is sold per token, in its own format where its tokenizer is published."""
    if not deployment.estimated:
        return published_tokens.count_request(deployment.tokenizer, *request_of(messages, tools))
    return count_prompt(published_tokens.with_system_turn(talk), most)


def _question(talk: Conversation, messages: list[Any], wanted: Wanted) -> Question:
    """The properties of a request that exchanges are matched with."""
    text, returned, choice = last_text(messages), messages[-1]["role"] == "tool", wanted.choice
    if not wanted.tools and choice is None:
        return Question(talk.prompt, talk.system, text, wanted.deployment.name, returned=returned)
    return Question(
        talk.prompt,
        talk.system,
        text,
        wanted.deployment.name,
        bool(wanted.tools),
        may_call=bool(wanted.tools) and choice != "none",
        must_call=choice not in ("none", "auto", None),
        returned=returned,
    )


def _complete(
    talk: Conversation, parameters: dict[str, Any], index: int, found: Found | None, otherwise: str, tokenizer: str
) -> Completion:
    if found is not None:
        more = found.given.more
        if more.calls:
            called = calling(found.calls(), f"{talk.turns}|{index}", parameters, tokenizer)
        else:
            called = _text(talk, parameters, index, found.texts() or ("",), tokenizer)
        return called.ended(more.finish_reason, more.logprobs)
    if not talk.prefix and (talk.history or parameters.get("tool_choice", "none") not in ("none", "auto")):
        from mistral_on_azure.endpoint.models.tools import deciding  # jsonschema takes a while to import

        answered = deciding.complete(talk, parameters, index, tokenizer)
        if answered:
            return answered
    return _text(talk, parameters, index, (otherwise,), tokenizer)


def _text(
    talk: Conversation, parameters: dict[str, Any], index: int, ranked: Sequence[str], tokenizer: str
) -> Completion:
    """A completion with text: a JSON object in JSON mode, a continuation after a prefix."""
    text = ranked[pick(ranked, talk.prompt, parameters, index)] if len(ranked) > 1 else ranked[0]
    if talk.prefix:
        return _continued(talk.prefix, text, parameters, tokenizer)
    if parameters.get("response_format", {}).get("type") == "json_object" and not is_object(text):
        text = json.dumps({"answer": text}, ensure_ascii=False)
    return cut(text, parameters.get("max_tokens"), parameters.get("stop"), tokenizer)


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _continued(prefix: str, text: str, parameters: dict[str, Any], tokenizer: str) -> Completion:
    """A completion that begins with the prefix, as in Mistral's API. The tokens of the prefix do not count."""
    gap = "" if prefix[-1].isspace() else " "
    rest = text.removeprefix(prefix) if text.startswith(prefix) and text != prefix else gap + text
    generated = cut(rest, parameters.get("max_tokens"), parameters.get("stop"), tokenizer)
    first, *others = generated.pieces
    return replace(generated, text=prefix + generated.text, pieces=(prefix + first, *others))
