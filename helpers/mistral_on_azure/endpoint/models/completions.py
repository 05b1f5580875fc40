"""Chat completions as they are written: the object, or the events of a stream, that the service answers with.

A call of a tool is one chunk with the whole call, as Mistral sends it: its client refuses a call in pieces. Only
`data: ` lines are sent: azure-ai-inference refuses comments, pings and `event:` lines.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.models.log_probabilities import logprobs
from mistral_on_azure.endpoint.models.script import Completion
from mistral_on_azure.endpoint.models.script_entries import Found
from mistral_on_azure.endpoint.transport.exchange import DONE

SMALL = 160  # tokens of a result that is kept as it is written: about 32 kB as a stream
_encode = msgspec.json.Encoder().encode
# The object that an answer is. Written out, because putting it together costs more than all that is new in it.
_HEAD = b'{"id":"%032x","object":"chat.completion","created":%d,"model":"%b"'
_TAIL = b',"choices":[%b],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'


@dataclass(slots=True)
class Result:
    """Everything an answer is written from, whole or streamed."""

    deployment: Deployment
    completions: tuple[Completion, ...]
    prompt_tokens: int
    parameters: dict[str, Any]
    completion_tokens: int
    found: Found | None = None  # what the script has for it
    tails: list[bytes] = field(default_factory=list, compare=False)  # encoded once, for this and later requests

    @property
    def small(self) -> bool:
        """Whether it takes little memory as it is written: at most `SMALL` tokens and alternatives to them."""
        if not self.parameters.get("logprobs"):
            return self.completion_tokens <= SMALL
        return self.completion_tokens * (2 + (self.parameters.get("top_logprobs") or 0)) <= SMALL

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }

    def logprobs(self, completion: Completion) -> dict[str, Any] | None:
        """The `logprobs` member of a choice, None unless the request asked for it and the answer is text."""
        if not self.parameters.get("logprobs") or completion.calls:
            return None
        return logprobs(completion, self.parameters.get("top_logprobs") or 0)


def new_id() -> str:
    """An id as the service makes them: 32 hexadecimal digits, never the same twice."""
    return f"{random.getrandbits(128):032x}"


Written = bytes | tuple[bytes, ...]  # an object, or the events of a stream


def written(answer: Result) -> Written:
    """The answer as it is sent: whole, or as the events of the stream that was asked for."""
    return events(answer) if answer.parameters.get("stream") else body(answer)


def body(answer: Result) -> bytes:
    """The `chat.completion` object in JSON."""
    if answer.tails:
        tail = answer.tails[0]
    else:
        choices = b",".join([_choice(answer, index, completion) for index, completion in enumerate(answer.completions)])
        prompt, completed = answer.prompt_tokens, answer.completion_tokens
        tail = _TAIL % (choices, prompt, completed, prompt + completed)
        if answer.small:
            answer.tails.append(tail)
    return _HEAD % (random.getrandbits(128), time.time(), answer.deployment.name.encode()) + tail


def _choice(answer: Result, index: int, completion: Completion) -> bytes:
    logprobs = answer.logprobs(completion)
    if index:
        spoken = _spoken(completion, index)
    else:
        spoken = completion.choice = completion.choice or _spoken(completion, 0)
    return spoken % (b"null" if logprobs is None else _encode(logprobs))


def _spoken(completion: Completion, index: int) -> bytes:
    """A choice with a gap for its log probabilities; the first is kept, as most requests get one of a few answers."""
    calls = [call.member for call in completion.calls] or None
    message = {"role": "assistant", "content": completion.text, "tool_calls": calls}
    choice = {"index": index, "message": message, "finish_reason": completion.finish_reason}
    return _encode(choice).replace(b"%", b"%%")[:-1] + b',"logprobs":%b}'


def events(answer: Result) -> tuple[bytes, ...]:
    """All events of a stream: for each choice a role, its tokens and its end; then `[DONE]`.

    Usage comes with the last end, where Mistral's clients look for it. A request that has an opinion, in
    `stream_options`, gets what OpenAI sends: usage in an event of its own, after the choices, or none.
    Only the head is new in each stream; what follows it is encoded once for each result.
    """
    head = {
        "id": new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": answer.deployment.name,
    }
    start = b"data: " + _encode(head)[:-1]
    tails = answer.tails
    if not tails:
        tails = [b"," + _encode(tail)[1:] + b"\n\n" for tail in _tails(answer)]
        if answer.small:
            answer.tails = tails
    return (*[start + tail for tail in tails], DONE)


def _tails(answer: Result) -> Iterator[dict[str, Any]]:
    """What follows the head in each event."""
    last, asked = len(answer.completions) - 1, usage_asked(answer.parameters)
    for index, completion in enumerate(answer.completions):
        tokens = (answer.logprobs(completion) or {}).get("content")
        yield _tail(index, {"role": "assistant", "content": ""})
        for place, piece in enumerate(completion.pieces):
            yield _tail(index, {"content": piece}, {"content": [tokens[place]]} if tokens else None)
        for place, call in enumerate(completion.calls):
            yield _tail(index, {"tool_calls": [{"index": place, **call.member}]})
        end = _tail(index, {} if completion.calls else {"content": ""}, finish_reason=completion.finish_reason)
        yield {**end, "usage": answer.usage} if index == last and asked is None else end
    if asked:
        yield {"choices": [], "usage": answer.usage}


def usage_asked(parameters: dict[str, Any]) -> bool | None:
    """Whether a request wants usage as OpenAI sends it; None where it does not say."""
    return parameters.get("stream_options", {}).get("include_usage")


def _tail(
    index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, finish_reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {"choices": [choice]}
