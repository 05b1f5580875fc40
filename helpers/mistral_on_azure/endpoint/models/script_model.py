"""`Script`: the model that answers from a script, with exact tokens and the deployment's context length and tools."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported, shown
from mistral_on_azure.endpoint.bounds import LARGE, LONG, in_background, in_event_loop
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models import completions, published_tokens
from mistral_on_azure.endpoint.models.completions import Result
from mistral_on_azure.endpoint.models.conversation import conversation, request_of
from mistral_on_azure.endpoint.models.messages import NO_MESSAGES, Conversation, guarded, refuse_filtered, text_of
from mistral_on_azure.endpoint.models.model import ChatRequest, FaultAsked, Spend
from mistral_on_azure.endpoint.models.sampling import pick
from mistral_on_azure.endpoint.models.script import Completion, calling, cut
from mistral_on_azure.endpoint.models.script_entries import Entry, Found, Question
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_layers import Answers, Layer, SessionScript
from mistral_on_azure.endpoint.models.tokens import BLOCK, count_prompt, vocabulary_is_read, vocabulary_size
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

MOST_WRITTEN = 350_000  # tokens of all choices with their alternatives; in a stream, a token counts as five
_KNOWN = 32  # completions that are kept for the same settings
_FEW = 10_000  # tokens: fewer never exceed MOST_WRITTEN
_EVENTS = "text/event-stream"
_ESTIMATED = lines((("x-local-tokens", "estimated"),))  # for models whose tokenizer is not published
# Characters of the longest token in v3 and v7, from which bounds are estimated. Tekken has longer ones (of up to 76
# hyphens, asterisks or spaces), so for Tekken the bounds do not hold for a text that consists of these.
LONGEST_TOKEN = 18


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
        plan = settings.kept
        if plan is None:
            plan = settings.kept = plan_of(settings.deployment, settings.parameters)
        if asked.size > LARGE or plan.tools:
            least = _characters(asked.messages) // LONGEST_TOKEN
            _check_context(plan.deployment, least, plan.max_tokens, "at least ")
            quota.check(least)
        kept = asked.kept
        if kept is not None and kept[0] is answers and kept[1] is own.layer:
            return self._charged(kept[2], quota, spend, own)
        if (asked.size > 2 * BLOCK or not plan.quick) and _takes_long(asked.size, plan, own.longest(answers)):
            return self._answer_later(asked, plan, answers, quota, spend, own)
        layer, result = own.layer, work_out(plan, asked.messages, answers, own)
        _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own)

    async def _answer_later(
        self, asked: ChatRequest, plan: Plan, answers: Answers, quota: Quota, spend: Spend, own: SessionScript
    ) -> Answer:
        layer = own.layer  # a client may replace it meanwhile
        result, written = await in_background(_write_out, plan, asked.messages, answers, own)
        if asked.size <= LARGE:
            _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own, written)

    def _charged(
        self, result: Result, quota: Quota, spend: Spend, own: SessionScript, written: completions.Written | None = None
    ) -> Answer:
        prompt, completed, found = result.prompt_tokens, result.completion_tokens, result.found
        fault, delay = None, 0.0
        if found is not None:
            delay = found.entry.delay
            if found.entry.staged:
                delay = found.given.more.delay
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


def _takes_long(size: int, plan: Plan, longest: int) -> bool:
    """Whether a request may take so long that an event loop must not wait for it. Sets `plan.quick`.

    Args:
        size: bytes of the request body.
        longest: characters of the script's longest answer.
    """
    if size > LARGE or plan.tools or plan.waits or plan.written(longest) > LONG or not vocabulary_is_read(size):
        return in_event_loop()
    plan.quick = plan.written(sys.maxsize) <= LONG
    return False


class Plan(Struct, eq=False):
    """What the script reads out of a request's settings, once for all requests that have them.

    Attributes:
        deployment: the deployment that answers.
        parameters: the validated parameters without `messages`.
        tools: the tools, which are not validated yet.
        choice: the value of `tool_choice`.
        max_tokens: the maximum of completion tokens; None if the context is the limit.
        choices: number of choices.
        alternatives: number of log probabilities for each token, 0 for none.
        waits: whether mistral-common counts the tokens, which takes seconds to load.
        greedy: whether one choice is made of the likeliest text, whatever the prompt is, and cut by `max_tokens` only.
        special: whether `logit_bias` or `safe_prompt` is set, which few requests have.
        quick: whether a short request with these settings never takes long, as far as is known.
        known: the completions of entries that always have the same one; a cache.
    """

    deployment: Deployment
    parameters: dict[str, Any]
    tools: Sequence[Any]
    choice: Any
    max_tokens: int | None
    choices: int
    alternatives: int
    waits: bool
    greedy: bool
    special: bool
    quick: bool = False
    known: dict[Entry, Completion] = {}

    def written(self, longest: int) -> int:
        """An upper bound of the characters that are written, by the script's longest answer (in characters)."""
        if self.max_tokens is not None and LONGEST_TOKEN * self.max_tokens < longest:
            longest = LONGEST_TOKEN * self.max_tokens
        return self.choices * (1 + self.alternatives) * longest


def plan_of(deployment: Deployment, parameters: dict[str, Any]) -> Plan:
    return Plan(
        deployment,
        parameters,
        parameters.get("tools") or (),
        parameters.get("tool_choice"),
        parameters.get("max_tokens"),
        parameters.get("n", 1),
        1 + (parameters.get("top_logprobs") or 0) if parameters.get("logprobs") else 0,
        deployment.sold and not deployment.estimated,
        not parameters.get("temperature") and parameters.get("n", 1) == 1 and "max_tokens" in parameters,
        bool(parameters.get("logit_bias") or parameters.get("safe_prompt")),
    )


def _write_out(*given: Any) -> tuple[Result, completions.Written]:
    """The result of a request, and its encoded response."""
    result = work_out(*given)
    return result, completions.written(result)


def work_out(plan: Plan, messages: list[Any], answers: Answers, own: SessionScript) -> Result:
    """Compute the result of a request.

    Args:
        answers: the layers of the script.
        own: the script of the session.

    Raises:
        ApiError: 400 for messages that break a rule, exceed the context, are filtered or unexpected; 422 for features
            that the deployment does not support.
    """
    deployment, parameters, tools, limit = plan.deployment, plan.parameters, plan.tools, plan.max_tokens
    if not messages:
        raise not_supported("messages", [], NO_MESSAGES)
    if tools and not deployment.tools:
        raise not_supported("tools", "tools", f"{deployment.name} cannot call tools.")
    talk = conversation(messages, tools)
    if talk.history and not deployment.tools:
        raise not_supported("messages", "tool_calls", f"{deployment.name} cannot call tools.")
    refuse_filtered(talk.prompt, answers.filtered)
    if plan.special:
        if parameters.get("logit_bias"):
            _check_bias(parameters["logit_bias"], deployment)
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
        _check_context(deployment, prompt_tokens, limit, "at least " if prompt_tokens > most else "")
    found = own.find(answers, _question(talk, messages, plan))
    repeats = plan.greedy and found is not None and found.entry.fixed and not talk.prefix
    if repeats:
        completion = plan.known.get(found.entry)
        if completion is not None:
            completed, choice = len(completion.ids), b"" if plan.alternatives else completion.choice
            return Result(deployment, (completion,), prompt_tokens, parameters, completed, found, choice)
    limited = parameters
    if limit is None:  # the rest of the context limits the completion
        room = deployment.context - prompt_tokens
        limited = {**parameters, "max_tokens": min(room, deployment.output or room)}
    choices, completed = [], 0
    for index in range(plan.choices):
        completion = _complete(talk, limited, index, found, answers.unknown_prompt or "", deployment.counted_with)
        choices.append(completion)
        completed += len(completion.ids)
        if completed > _FEW:
            _check_answers(completed, parameters)
    if repeats and len(plan.known) < _KNOWN:
        plan.known[found.entry] = choices[0]
    return Result(deployment, tuple(choices), prompt_tokens, parameters, completed, found)


def _tokens_of_sold(
    deployment: Deployment, talk: Conversation, messages: list[Any], tools: Sequence[Any], most: int
) -> int:
    """The prompt tokens of a model that is sold per token, in its own format where its tokenizer is published."""
    if not deployment.estimated:
        return published_tokens.count_request(deployment.tokenizer, *request_of(messages, tools))
    return count_prompt(published_tokens.with_system_turn(talk), most)


def _question(talk: Conversation, messages: list[Any], plan: Plan) -> Question:
    """The properties of a request that exchanges are matched with."""
    last, choice = messages[-1], plan.choice
    text = text_of(last.get("content") or "")
    if not plan.tools and choice is None:
        return Question(talk.prompt, talk.system, text, plan.deployment.name, returned=last["role"] == "tool")
    return Question(
        talk.prompt,
        talk.system,
        text,
        plan.deployment.name,
        bool(plan.tools),
        may_call=bool(plan.tools) and choice != "none",
        must_call=choice not in ("none", "auto", None),
        returned=last["role"] == "tool",
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


def _check_bias(biases: dict[str, float], deployment: Deployment) -> None:
    """Refuse token ids outside the vocabulary with vLLM's message; the vocabulary's size is unknown for some models."""
    size = None if deployment.estimated else vocabulary_size(deployment.counted_with)
    unknown = [token for token in map(int, biases) if token < 0 or (size is not None and token >= size)]
    if unknown:
        told = shown(unknown)
        known = "" if size is None else f" Vocabulary size: {size}"
        raise invalid(
            f"token_id(s) {told} in logit_bias contain out-of-vocab token ids.{known} "
            f"(parameter=logit_bias, value={told})",
            param="logit_bias",
        )


def _check_answers(tokens: int, parameters: dict[str, Any]) -> None:
    """Refuse choices whose encoded JSON would take too much memory.

    Raises:
        ApiError: 422.
    """
    alternatives = (parameters.get("top_logprobs") or 0) + 1 if parameters.get("logprobs") else 0
    if tokens * (1 + alternatives + (4 if parameters.get("stream") else 0)) > MOST_WRITTEN:
        n = parameters.get("n", 1)
        raise not_supported("n", n, f"The {n} choices are too long together: ask for fewer, or for fewer alternatives.")


def _characters(messages: list[Any]) -> int:
    """The characters of all texts in messages, which need not be valid."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    parts = [part.get("text") for each in contents if isinstance(each, list) for part in each if isinstance(part, dict)]
    return sum(len(text.rstrip(" ")) for text in (*contents, *parts) if isinstance(text, str))  # as `count_prompt` does


def _check_context(deployment: Deployment, prompt_tokens: int, max_tokens: int | None, least: str = "") -> None:
    """Refuse a request that exceeds the context. The message is vLLM's, by which LiteLLM recognises the error.

    Args:
        least: "at least " if `prompt_tokens` is a lower bound.
    """
    if prompt_tokens + (max_tokens or 1) <= deployment.context:
        return
    if max_tokens is None:
        wanted = f"{least}{prompt_tokens} tokens in the messages, Please reduce the length of the messages."
    else:
        wanted = (
            f"{least}{prompt_tokens + max_tokens} tokens ({prompt_tokens} in the messages, {max_tokens} in the "
            "completion). Please reduce the length of the messages or completion."
        )
    limit = f"This model's maximum context length is {deployment.context} tokens. However, you requested {wanted}"
    raise ApiError(400, "context_length_exceeded", limit, param="messages")
