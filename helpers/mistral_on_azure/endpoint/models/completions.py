"""Encodes the script's chat completions: as a `chat.completion` object, or as the events of a stream.

A tool call is one chunk, as Mistral sends it: its client refuses a call in several chunks. An event has `data: ` lines
only, as azure-ai-inference refuses comments and `event:` lines.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, count, repeat
from typing import Any

import msgspec
from msgspec import Struct

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.catalog.script_format import TokenLogprob
from mistral_on_azure.endpoint.models.sampling import Completion
from mistral_on_azure.endpoint.models.script_entries import Found
from mistral_on_azure.endpoint.models.tokens import processor
from mistral_on_azure.endpoint.transport.exchange import Chunks

SMALL = 160  # tokens: the JSON of a shorter result is cached; a stream of so many takes about 32 kB
_encode = msgspec.json.Encoder().encode
# The JSON of a chat completion as templates, which is faster than encoding an object each time.
_BODY = (
    b'{"id":"%b%012x","object":"chat.completion","created":%d,"model":"%b",'
    b'"choices":[%b],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'
)


class Result(Struct):
    """The result of a chat request, from which the response is encoded.

    Attributes:
        completions: one for each choice.
        found: the exchange of the script that answers the request; None if there is none.
        choices: the encoded choices; a cache.
        tails: the encoded events of a stream without id and time, and their bytes; a cache.
    """

    deployment: Deployment
    completions: tuple[Completion, ...]
    prompt_tokens: int
    parameters: dict[str, Any]
    completion_tokens: int
    found: Found | None = None
    choices: bytes = b""
    tails: tuple[bytes, ...] = ()
    size: int = 0

    @property
    def lasting(self) -> bool:
        """Whether it is cached: it depends on no earlier request, and has at most `SMALL` tokens and alternatives."""
        if self.found is not None and self.found.entry.staged:
            return False
        if not self.parameters.get("logprobs"):
            return self.completion_tokens <= SMALL
        return self.completion_tokens * (2 + (self.parameters.get("top_logprobs") or 0)) <= SMALL

    def logprobs(self, completion: Completion) -> dict[str, Any] | None:
        """The `logprobs` member of a choice; None unless the request asks for it and the completion is text."""
        if not self.parameters.get("logprobs") or completion.calls:
            return None
        return logprobs(completion, self.parameters.get("top_logprobs") or 0)


_CHUNK = b'data: {"id":"%b%012x","object":"chat.completion.chunk","created":%d,"model":"%b"'
# An id is a random beginning and a counter, which is faster than a random number for each.
_PREFIX, _numbers = secrets.token_hex(10).encode(), count(1)


def new_id() -> str:
    """An id of 32 hexadecimal digits, the form of the service's ids."""
    return f"{_PREFIX.decode()}{next(_numbers):012x}"


def usage_of(prompt: int, completion: int) -> dict[str, int]:
    """The member `usage` of a completion."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


Written = bytes | Chunks  # a JSON object, or the events of a stream


def written(answer: Result) -> Written:
    """Encode a result as the request asks for it: as an object or as the events of a stream."""
    return events(answer) if answer.parameters.get("stream") else body(answer)


def body(answer: Result) -> bytes:
    """Encode a result as a `chat.completion` object."""
    choices = answer.choices
    if not choices:
        made = [_choice(answer, index, completion) for index, completion in enumerate(answer.completions)]
        choices = answer.choices = made[0] if len(made) == 1 else b",".join(made)
    prompt, completed = answer.prompt_tokens, answer.completion_tokens
    name = answer.deployment.name.encode()
    return _BODY % (_PREFIX, next(_numbers), time.time(), name, choices, prompt, completed, prompt + completed)


def _choice(answer: Result, index: int, completion: Completion) -> bytes:
    spoken = _spoken(completion, index) if index else completion.choice
    if not spoken:
        spoken = completion.choice = _spoken(completion, 0)
    if not answer.parameters.get("logprobs"):
        return spoken
    return spoken.removesuffix(b"null}") + _encode(answer.logprobs(completion)) + b"}"


def _spoken(completion: Completion, index: int) -> bytes:
    """The JSON of a choice without log probabilities."""
    message = {"role": "assistant", "content": completion.text, "tool_calls": completion.calls or None}
    choice = {"index": index, "message": message, "finish_reason": completion.finish_reason}
    return _encode(choice)[:-1] + b',"logprobs":null}'


def events(answer: Result) -> Chunks:
    """Encode a result as the events of a stream: the role, tokens and finish reason of each choice, then `[DONE]`.

    By default, usage is in the last chunk with a finish reason, where Mistral's clients read it. If the request has
    `include_usage` in `stream_options`, usage is in a separate chunk after the choices, or left out, as OpenAI does it.
    """
    if not answer.tails:
        answer.tails = tuple(b"," + _encode(tail)[1:] + b"\n\n" for tail in _tails(answer))
        answer.size = sum(map(len, answer.tails))
    start = _CHUNK % (_PREFIX, next(_numbers), time.time(), answer.deployment.name.encode())
    return Chunks(start, answer.tails, answer.size)


def _tails(answer: Result) -> Iterator[dict[str, Any]]:
    """The members of each chunk after id, object, time and model."""
    last, asked = len(answer.completions) - 1, usage_asked(answer.parameters)
    usage = usage_of(answer.prompt_tokens, answer.completion_tokens)
    for index, completion in enumerate(answer.completions):
        tokens = (answer.logprobs(completion) or {}).get("content")
        yield tail_of(index, {"role": "assistant", "content": ""})
        for place, piece in enumerate(completion.pieces):
            yield tail_of(index, {"content": piece}, {"content": [tokens[place]]} if tokens else None)
        for place, call in enumerate(completion.calls):
            yield tail_of(index, {"tool_calls": [{"index": place, **call}]})
        end = tail_of(index, {} if completion.calls else {"content": ""}, finish_reason=completion.finish_reason)
        yield {**end, "usage": usage} if index == last and asked is None else end
    if asked:
        yield {"choices": [], "usage": usage}


def usage_asked(parameters: dict[str, Any]) -> bool | None:
    """The value of `include_usage` in `stream_options`; None if it is left out."""
    return parameters.get("stream_options", {}).get("include_usage")


def tail_of(
    index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, finish_reason: str | None = None
) -> dict[str, Any]:
    """The member `choices` of a chunk."""
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {"choices": [choice]}


_FIRST_WORD = 771  # token ids below are control tokens and single bytes
_WORDS = 20_000  # number of token ids, the most frequent ones, from which alternatives are drawn


def logprobs(completion: Completion, top: int) -> dict[str, Any]:
    """The `logprobs` member of a choice: the values that the script has, else invented ones.

    Invented values are well formed, and the same for the same token at the same place.

    Args:
        completion: the completion, which is text.
        top: the number of alternatives for each token, the token itself among them.
    """
    given = completion.logprobs
    # Of several, there may be fewer than tokens: JSON mode adds some.
    wanted = chain(given, repeat(None)) if isinstance(given, tuple) else repeat(given)
    tokens = enumerate(zip(completion.ids, completion.pieces, wanted, strict=False))
    return {"content": [_entry(place, token, piece, top, one) for place, (token, piece, one) in tokens]}


def _entry(place: int, token: int, piece: str, top: int, given: float | TokenLogprob | None) -> dict[str, Any]:
    chosen, made_up = _distribution(place, token, max(0, top - 1))
    logprob, others = math.log(chosen), [(text, math.log(probability)) for text, probability in made_up]
    if given is not None:
        given = given if isinstance(given, TokenLogprob) else TokenLogprob(given)
        left = max(1 - math.exp(given.logprob), 1e-9) / max(1 - chosen, 1e-9)  # scales the invented alternatives
        others = [*given.top.items()] or [(text, min(other + math.log(left), 0.0)) for text, other in others]
        logprob = given.logprob
    entry = _token(piece, logprob)
    listed = [entry, *(_token(text, other) for text, other in others)][:top]
    return {**entry, "top_logprobs": sorted(listed, key=lambda item: -item["logprob"])}


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": round(logprob, 6), "bytes": list(text.encode())}


@lru_cache(maxsize=4096)
def _distribution(place: int, token: int, others: int) -> tuple[float, tuple[tuple[str, float], ...]]:
    digest = hashlib.blake2b(f"{place}|{token}".encode(), digest_size=32).digest()
    chosen = 0.35 + 0.6 * digest[0] / 255
    left, alternatives, seen = 0.98 - chosen, [], {token}
    for rank in range(others):
        other = _FIRST_WORD + int.from_bytes(digest[1 + rank % 15 : 4 + rank % 15]) * (rank + 1) % _WORDS
        while other in seen:
            other += 1
        seen.add(other)
        left /= 2
        alternatives.append((processor().id_to_piece(other).replace("▁", " "), max(left, 1e-9)))
    return chosen, tuple(alternatives)
