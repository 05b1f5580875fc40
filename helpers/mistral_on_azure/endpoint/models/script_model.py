"""`Script`: the model that answers from a script, with exact tokens and the deployment's context length and tools."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import ApiError, not_supported
from mistral_on_azure.endpoint.bounds import LARGE, LONG, in_background, in_event_loop
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models import completions
from mistral_on_azure.endpoint.models.completions import Result
from mistral_on_azure.endpoint.models.conversation import conversation, request_of, with_system_turn
from mistral_on_azure.endpoint.models.messages import (
    NO_MESSAGES,
    Conversation,
    characters,
    guarded,
    last_text,
    refuse_filtered,
)
from mistral_on_azure.endpoint.models.model import ChatRequest, FaultAsked, Spend
from mistral_on_azure.endpoint.models.sampling import Completion, calling, check_bias, spoken
from mistral_on_azure.endpoint.models.script_entries import Entry, Found, Question
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_layers import Answers, SessionScript
from mistral_on_azure.endpoint.models.tokens import BLOCK, count_prompt, count_request, size_of, tables_are_read
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

MOST_WRITTEN = 350_000  # tokens of all choices with their alternatives; in a stream, a token counts as five
KEPT = 128 * 1024  # bytes of completions that are kept for the same settings
_FEW = 10_000  # tokens: fewer never exceed MOST_WRITTEN
# Characters of the longest token in v3 and v7, from which bounds are estimated. Tekken has longer ones (of up to 76
# hyphens, asterisks or spaces), so for Tekken the bounds do not hold for a text that consists of these.
_LONGEST_TOKEN = 18
_EVENTS = "text/event-stream"
_ESTIMATED = lines((("x-local-tokens", "estimated"),))  # for models whose tokenizer is not published


class Wanted(Struct, eq=False):
    """What the script reads out of a request's settings, once for all requests that have them.

    Attributes:
        deployment: the deployment that answers.
        parameters: the validated parameters without `messages`.
        tools: the tools, which are not validated yet.
        may_call: whether the completion may have tool calls.
        must_call: whether the completion must have tool calls.
        max_tokens: the maximum of completion tokens; None if the context is the limit.
        choices: number of choices.
        alternatives: number of log probabilities for each token, 0 for none.
        greedy: whether one choice is made of the likeliest text, whatever the prompt is, and cut by `max_tokens` only.
        special: whether `logit_bias` or `safe_prompt` is set, which few requests have.
        quick: whether a short request with these settings never takes long, as far as is known.
        known: the completions of entries that always have the same one; a cache.
        room: bytes that are left for that cache.
    """

    deployment: Deployment
    parameters: dict[str, Any]
    tools: Sequence[Any] = ()
    may_call: bool = False
    must_call: bool = False
    max_tokens: int | None = None
    choices: int = 1
    alternatives: int = 0
    greedy: bool = False
    special: bool = False
    quick: bool = False
    known: dict[Entry, Completion] = {}
    room: int = KEPT

    def __post_init__(self) -> None:
        given = self.parameters.get
        self.tools, self.max_tokens, self.choices = given("tools") or (), given("max_tokens"), given("n", 1)
        self.may_call = bool(self.tools) and given("tool_choice") != "none"
        self.must_call = given("tool_choice") not in ("none", "auto", None)
        self.alternatives = 1 + (given("top_logprobs") or 0) if given("logprobs") else 0
        self.greedy = not given("temperature") and self.choices == 1 and "max_tokens" in self.parameters
        self.special = bool(given("logit_bias") or given("safe_prompt"))

    def takes_long(self, size: int, longest: int) -> bool:
        """Whether a request may take so long that an event loop must not wait for it. Sets `quick`.

        Args:
            size: bytes of the request body.
            longest: characters of the script's longest answer.
        """
        loads = self.deployment.sold and not self.deployment.estimated  # mistral-common, which takes seconds
        if size > LARGE or self.tools or loads or self._written(longest) > LONG or not tables_are_read(size):
            return in_event_loop()
        self.quick = self._written(sys.maxsize) <= LONG
        return False

    def _written(self, longest: int) -> int:
        """An upper bound of the characters that are written, by the script's longest answer (in characters)."""
        if self.max_tokens is not None:
            longest = min(longest, _LONGEST_TOKEN * self.max_tokens)
        return self.choices * (1 + self.alternatives) * longest

    def keep(self, entry: Entry, completion: Completion) -> None:
        """Add to `known`, if there is room."""
        characters = len(completion.text) + entry.length  # the entry stays in memory, too, when its script is replaced
        size = size_of(completion.text, len(completion.ids)) + 10 * characters
        if size <= self.room:
            self.room -= size
            self.known[entry] = completion

    def check_context(self, tokens: int, counted: bool = True) -> None:
        """Refuse a request that exceeds the context. The message is vLLM's, by which LiteLLM recognises the error.

        Args:
            tokens: the prompt tokens.
            counted: whether that is their number, and not a lower bound.
        """
        limit = self.max_tokens
        if tokens + (limit or 1) <= self.deployment.context:
            return
        least = "" if counted else "at least "
        if limit is None:
            wanted = f"{least}{tokens} tokens in the messages, Please reduce the length of the messages."
        else:
            wanted = (
                f"{least}{tokens + limit} tokens ({tokens} in the messages, {limit} in the completion). "
                "Please reduce the length of the messages or completion."
            )
        most = f"This model's maximum context length is {self.deployment.context} tokens."
        raise ApiError(400, "context_length_exceeded", f"{most} However, you requested {wanted}", param="messages")


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
            wanted = settings.kept = Wanted(settings.deployment, settings.parameters)
        if asked.size > LARGE or wanted.tools:
            least = characters(asked.messages) // _LONGEST_TOKEN
            wanted.check_context(least, counted=False)
            quota.check(least)
        kept = asked.kept
        if kept is not None and kept[0] is answers and kept[1] is own.layer:
            return self._charged(kept[2], quota, spend, own)
        if (asked.size > 2 * BLOCK or not wanted.quick) and wanted.takes_long(asked.size, own.longest(answers)):
            return self._answer_later(asked, wanted, answers, quota, spend, own)
        layer, result = own.layer, work_out(wanted, asked.messages, answers, own)
        if result.lasting:
            asked.kept = answers, layer, result
        return self._charged(result, quota, spend, own)

    async def _answer_later(
        self, asked: ChatRequest, wanted: Wanted, answers: Answers, quota: Quota, spend: Spend, own: SessionScript
    ) -> Answer:
        def write_out() -> tuple[Result, completions.Written]:
            result = work_out(wanted, asked.messages, answers, own)
            return result, completions.written(result)

        layer = own.layer  # a client may replace it meanwhile
        result, written = await in_background(write_out)
        if asked.size <= LARGE and result.lasting:
            asked.kept = answers, layer, result
        return self._charged(result, quota, spend, own, written)

    def _charged(
        self, result: Result, quota: Quota, spend: Spend, own: SessionScript, written: completions.Written | None = None
    ) -> Answer:
        prompt, completed, found = result.prompt_tokens, result.completion_tokens, result.found
        fault, delay = None, 0.0
        if found is not None:
            delay = found.given.more.delay
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
    if not deployment.sold:
        prompt_tokens = count_prompt(talk.turns, most)  # in the v3 format
    elif deployment.estimated:
        prompt_tokens = count_prompt(with_system_turn(talk), most)
    else:
        prompt_tokens = count_request(deployment.tokenizer, *request_of(messages, tools))
    wanted.check_context(prompt_tokens, counted=prompt_tokens <= most)
    last, returned = last_text(messages), messages[-1]["role"] == "tool"
    asked = Question(
        talk.prompt, talk.system, last, deployment.name, bool(tools), wanted.may_call, wanted.must_call, returned
    )
    found = own.find(answers, asked)
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
        if completed > _FEW:
            _check_written(completed, wanted)
    if repeats:
        wanted.keep(found.entry, choices[0])
    return Result(deployment, tuple(choices), prompt_tokens, parameters, completed, found)


def _complete(
    talk: Conversation, parameters: dict[str, Any], index: int, found: Found | None, otherwise: str, tokenizer: str
) -> Completion:
    if found is not None:
        more = found.given.more
        if more.calls:
            called = calling(found.calls(), f"{talk.turns}|{index}", parameters, tokenizer)
        else:
            called = spoken(talk, found.texts() or ("",), parameters, index, tokenizer)
        return called.ended(more.finish_reason, more.logprobs)
    if not talk.prefix and (talk.history or parameters.get("tool_choice", "none") not in ("none", "auto")):
        from mistral_on_azure.endpoint.models.tools import tool_choice  # jsonschema takes a while to import

        answered = tool_choice.complete(talk, parameters, index, tokenizer)
        if answered:
            return answered
    return spoken(talk, (otherwise,), parameters, index, tokenizer)


def _check_written(tokens: int, wanted: Wanted) -> None:
    """Refuse choices whose encoded JSON would take too much memory, with 422."""
    if tokens * (1 + wanted.alternatives + (4 if wanted.parameters.get("stream") else 0)) > MOST_WRITTEN:
        n = wanted.choices
        raise not_supported("n", n, f"The {n} choices are too long together: ask for fewer, or for fewer alternatives.")
