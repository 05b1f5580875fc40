"""The usage of a call: the most that its request allows, and the usage that its answer states."""

from __future__ import annotations

import json
from math import ceil

from mistral_on_azure.azure.http import object_of
from mistral_on_azure.recording.usage import Usage

ASSUMED = 2048  # completion tokens of a request without a limit
_BYTES_PER_TOKEN = 4  # of ordinary text
_CAUTIOUS = 1  # bytes per token, for an upper bound: each digit is a token
_PER_MESSAGE = 8  # tokens around each message
_LARGEST = 16 * 1024 * 1024  # bytes of an answer that are searched for its usage
_FREE = Usage(calls=1)


def may_cost(method: str) -> bool:
    """Whether a request may use tokens: any POST, since embeddings and `/score` use tokens like completions."""
    return method == "POST"


def at_most(body: bytes) -> Usage:
    """The most that a request may use. Without a limit of its own, `ASSUMED` completion tokens are taken."""
    request = object_of(body)
    limit = max(_positive(request.get(name)) for name in ("max_tokens", "max_completion_tokens")) or ASSUMED
    return Usage(1, prompt_tokens(body, _CAUTIOUS), limit * (_positive(request.get("n")) or 1), exact=False)


def prompt_tokens(body: bytes, bytes_per_token: int = _BYTES_PER_TOKEN) -> int:
    """An estimate of the prompt tokens, from a request's messages and tools."""
    request = object_of(body)
    messages = request.get("messages")
    if not isinstance(messages, list):
        return ceil(len(body) / bytes_per_token)
    texts = [json.dumps(each.get("content") if isinstance(each, dict) else each) for each in messages]
    tools = json.dumps(request["tools"]) if request.get("tools") else ""
    return ceil(sum(map(len, [*texts, tools])) / bytes_per_token) + _PER_MESSAGE * len(messages)


class Meter:
    """Reads the usage from an answer while its chunks are passed on.

    Args:
        request: the request's body.
        costly: whether the request may use tokens.
    """

    def __init__(self, request: bytes, costly: bool) -> None:
        self._request, self._costly = request, costly
        self._sent = self._ok = self._stream = False
        self._rest, self._usage, self._chunks = b"", None, 0

    def sent(self) -> None:
        """Note that the request was sent: from now on it may cost tokens."""
        self._sent = True

    def begin(self, status: int, content_type: str) -> None:
        """Note the status and content type of the answer."""
        self._ok, self._stream = status < 400, content_type.startswith("text/event-stream")
        self._sent = self._ok

    @property
    def answered(self) -> bool:
        """Whether the endpoint has begun to answer, and with no error."""
        return self._ok

    def feed(self, part: bytes) -> None:
        """Read a chunk of the answer."""
        if not self._costly or not self._ok or len(self._rest) > _LARGEST:
            return
        self._rest += part
        if self._stream:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._read_event(line)

    def usage(self) -> Usage:
        """The usage of the call: stated by the answer, or estimated; a lost answer counts as the most it may use."""
        if not self._costly or not self._sent:
            return _FREE
        if not self._ok:
            return at_most(self._request)
        stated = self._usage or object_of(self._rest).get("usage")
        if isinstance(stated, dict) and stated.get("total_tokens"):
            return Usage(1, stated.get("prompt_tokens") or 0, stated.get("completion_tokens") or 0)
        completion = self._chunks or ceil(len(self._rest) / _BYTES_PER_TOKEN)
        return Usage(1, prompt_tokens(self._request), completion, exact=False)

    def _read_event(self, line: bytes) -> None:
        event = object_of(line.removeprefix(b"data:"))
        self._usage = event.get("usage") or self._usage
        choices = event.get("choices")
        self._chunks += len(choices) if isinstance(choices, list) else 0


def _positive(value: object) -> int:
    """A whole number above zero; 0 for any other value, such as the -1 that means no limit to some engines."""
    return value if type(value) is int and value > 0 else 0
