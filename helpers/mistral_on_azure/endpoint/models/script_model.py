"""`Script`: the model that answers from a script, with exact tokens and the deployment's context length and tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Sequence
from typing import Any

from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported, shown
from mistral_on_azure.endpoint.bounds import LARGE, LONG, in_background, in_event_loop
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
from mistral_on_azure.endpoint.models.tokens import count_prompt, vocabulary_is_read, vocabulary_size
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

MOST_WRITTEN = 350_000  # tokens of all choices with their alternatives; in a stream, a token counts as five
_FEW = 10_000  # tokens: fewer never exceed MOST_WRITTEN
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
        answers = self.files.answers(own.strict)
        long = asked.size > LARGE or bool(asked.parameters.get("tools"))
        if long:
            least = _characters(asked.parameters["messages"]) // LONGEST_TOKEN
            _check_context(asked.deployment, least, asked.parameters.get("max_tokens"), "at least ")
            quota.check(least)
        kept = asked.kept
        if kept is not None and kept[0] is answers and kept[1] is own.layer:
            return self._charged(kept[2], quota, spend, own)
        long = long or _much_is_written(asked.parameters, own.longest(answers)) or not vocabulary_is_read(asked.size)
        if (long or _waits_for_a_tokenizer(asked.deployment)) and in_event_loop():
            return self._answer_later(asked, answers, quota, spend, own)
        layer, result = own.layer, work_out(asked.deployment, asked.parameters, answers, own)
        _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own)

    async def _answer_later(
        self, asked: ChatRequest, answers: Answers, quota: Quota, spend: Spend, own: SessionScript
    ) -> Answer:
        layer = own.layer  # a client may replace it meanwhile
        result, written = await in_background(_write_out, asked.deployment, asked.parameters, answers, own)
        if asked.size <= LARGE:
            _keep(asked, answers, layer, result)
        return self._charged(result, quota, spend, own, written)

    def _charged(
        self, result: Result, quota: Quota, spend: Spend, own: SessionScript, written: completions.Written | None = None
    ) -> Answer:
        prompt, completed, found = result.prompt_tokens, result.completion_tokens, result.found
        fault, delay = None, found.given.more.delay if found is not None else 0.0
        if found is not None and found.entry.staged:
            quota.check(prompt + completed)  # before `advance`: a request that gets 429 must not use up a reply
            fault = own.advance(found)
            if fault is not None and fault.status is not None:
                raise FaultAsked(fault, delay=delay)
        quota.take(prompt + completed)
        spend(prompt, completed)
        headers = quota.headers() + (_ESTIMATED if result.deployment.estimated else b"")
        written = written or completions.written(result)
        if isinstance(written, tuple):
            answer = Answer(200, b"", headers, "text/event-stream", written, delay)
        else:
            answer = Answer(200, written, headers, delay=delay)
        answer.tokens, answer.prompt_tokens = completed, prompt
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


def work_out(deployment: Deployment, parameters: dict[str, Any], answers: Answers, own: SessionScript) -> Result:
    """Compute the result of a request.

    Args:
        answers: the layers of the script.
        own: the script of the session.

    Raises:
        ApiError: 400 for messages that break a rule, exceed the context, are filtered or unexpected; 422 for features
            that the deployment does not support.
    """
    if not parameters["messages"]:
        raise not_supported("messages", [], NO_MESSAGES)
    tools = parameters.get("tools") or ()
    if tools and not deployment.tools:
        raise not_supported("tools", "tools", f"{deployment.name} cannot call tools.")
    talk = conversation(parameters["messages"], tools)
    if talk.history and not deployment.tools:
        raise not_supported("messages", "tool_calls", f"{deployment.name} cannot call tools.")
    refuse_filtered(talk.prompt, answers.filtered)
    if parameters.get("logit_bias"):
        _check_bias(parameters["logit_bias"], deployment)
    if parameters.get("safe_prompt"):
        parameters = {**parameters, "messages": guarded(parameters["messages"])}
        # Exchanges match the client's system message, without the guardrail.
        talk = replace(conversation(parameters["messages"], tools), system=talk.system)
    most = 2 * deployment.context  # counting stops here, as the prompt does not fit
    prompt_tokens = _prompt_tokens(deployment, talk, parameters, most)
    least = "at least " if prompt_tokens > most else ""
    _check_context(deployment, prompt_tokens, parameters.get("max_tokens"), least)
    limited = parameters
    if "max_tokens" not in parameters:  # the rest of the context limits the completion
        room = deployment.context - prompt_tokens
        limited = {**parameters, "max_tokens": min(room, deployment.output or room)}
    found = own.find(answers, _question(talk, parameters, deployment))
    choices, completed = [], 0
    for index in range(parameters.get("n", 1)):
        completion = _complete(talk, limited, index, found, answers.unknown_prompt or "", deployment.counted_with)
        choices.append(completion)
        completed += len(completion.ids)
        if completed > _FEW:
            _check_answers(completed, parameters)
    return Result(deployment, tuple(choices), prompt_tokens, parameters, completed, found)


def _prompt_tokens(deployment: Deployment, talk: Conversation, parameters: dict[str, Any], most: int) -> int:
    """The prompt tokens: in the v3 format for the cookbook's four models, in its own for a model that is sold."""
    if not deployment.sold:
        return count_prompt(talk.turns, most)
    if not deployment.estimated:
        asked = request_of(parameters["messages"], parameters.get("tools") or ())
        return published_tokens.count_request(deployment.tokenizer, *asked)
    return count_prompt(published_tokens.with_system_turn(talk), most)


def _question(talk: Conversation, parameters: dict[str, Any], deployment: Deployment) -> Question:
    """The properties of a request that exchanges are matched with."""
    messages = parameters["messages"]
    tools, choice = bool(parameters.get("tools")), parameters.get("tool_choice", "auto")
    return Question(
        talk.prompt,
        talk.system,
        last_text(messages),
        deployment.name,
        tools,
        may_call=tools and choice != "none",
        must_call=choice not in ("none", "auto"),
        returned=messages[-1]["role"] == "tool",
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


def _waits_for_a_tokenizer(deployment: Deployment) -> bool:
    """Whether mistral-common counts the tokens, which takes seconds to load."""
    return deployment.sold and not deployment.estimated


def _much_is_written(parameters: dict[str, Any], longest: int) -> bool:
    """Whether encoding the choices may take long, judged by the script's longest answer (in characters)."""
    alternatives = 1 + (parameters.get("top_logprobs") or 0) if parameters.get("logprobs") else 0
    limit = parameters.get("max_tokens")
    if limit is not None and LONGEST_TOKEN * limit < longest:
        longest = LONGEST_TOKEN * limit
    return parameters.get("n", 1) * (1 + alternatives) * longest > LONG


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
