"""Usage in calls, tokens and money, of one call and of a run; a budget stops a run before it exceeds a limit.

The most that a call may use follows from its request; the usage of the call comes from its answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import ceil

from mistral_on_azure.azure.http import object_of
from mistral_on_azure.errors import CookbookError

_MILLION = 1_000_000
ASSUMED = 2048  # completion tokens of a request without a limit
_BYTES_PER_TOKEN = 4  # of ordinary text
_CAUTIOUS = 1  # bytes per token, for an upper bound: in a number, each digit is a token
_PER_MESSAGE = 8  # tokens around each message
_LARGEST = 16 * 1024 * 1024  # bytes of an answer that are searched for its usage


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests sent and tokens used.

    Attributes:
        exact: False when tokens were estimated for some answers, which did not state their usage.
    """

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    exact: bool = True

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.exact and other.exact,
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million prompt tokens and a million completion tokens, in the user's currency."""

    prompt: float
    completion: float

    def cost(self, usage: Usage) -> float:
        return (usage.prompt * self.prompt + usage.completion * self.completion) / _MILLION


def total(usages: list[Usage | None]) -> Usage | None:
    """The sum of usages; None when one of them is unknown, since the sum would be too low."""
    return None if None in usages else sum(usages, Usage())


def count_text(number: int | None, exact: bool = True) -> str:
    """A count for a table: `?` for None, and `~` in front of an estimate."""
    if number is None:
        return "?"
    return f"{'' if exact else '~'}{number:,}"


class Exhausted(Exception):
    """A call was not made, because it could exceed the budget."""


@dataclass(slots=True)
class Budget:
    """The limits of a run, its usage so far, and the reservations of unfinished calls.

    Attributes:
        tokens: the limit for prompt and completion tokens together; None for no limit.
        cost: the limit in money; None for no limit.
        prices: prices of tokens; required by `cost`.
        used: the usage of finished calls.
        stopped: why the run must stop; empty while it may go on.
    """

    tokens: int | None = None
    cost: float | None = None
    prices: Prices | None = None
    used: Usage = field(default_factory=Usage)
    stopped: str = ""
    _under_way: list[Usage] = field(default_factory=list)

    @property
    def limited(self) -> bool:
        return self.tokens is not None or self.cost is not None

    def check(self) -> None:
        """Check that a limit in money comes with prices.

        Raises:
            CookbookError: when it does not.
        """
        if self.cost is not None and self.prices is None:
            raise CookbookError("--max-cost needs --price-in and --price-out, in the same currency per million tokens.")

    def reserve(self, most: Usage) -> None:
        """Reserve the most that a call may use. Usage and reservations together never exceed the budget.

        Raises:
            Exhausted: when the budget does not allow the call; then the run must stop.
        """
        if not most.tokens:
            self._under_way.append(most)
            return
        all_of_it = sum(self._under_way, self.used) + most
        if self.tokens is not None and all_of_it.tokens > self.tokens:
            self._stop(f"{self.tokens:,} tokens", f"{self.used.tokens:,}", f"{most.tokens:,}")
        if self.cost is not None and self.prices.cost(all_of_it) > self.cost:
            self._stop(f"{self.cost:g}", f"{self.prices.cost(self.used):.4f}", f"{self.prices.cost(most):.4f}")
        self._under_way.append(most)

    def settle(self, most: Usage, used: Usage) -> None:
        """Replace a reservation by the usage of the call."""
        self._under_way.remove(most)
        self.used += used

    def _stop(self, limit: str, used: str, most: str) -> None:
        self.stopped = self.stopped or (
            f"The budget of {limit} does not allow the next call: {used} used, "
            f"and it may take {most} besides the unfinished calls."
        )
        raise Exhausted(self.stopped)


FREE = Usage(calls=1)  # of a call that uses no tokens


def may_cost(method: str) -> bool:
    """Whether a request may use tokens: any POST, since embeddings and `/score` use tokens like completions."""
    return method == "POST"


def at_most(body: bytes) -> Usage:
    """The most that a request may use. For a request without a limit, `ASSUMED` completion tokens count."""
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
    """Reads the usage from an answer while its chunks are forwarded.

    Args:
        request: the request's body.
        costly: whether the request may use tokens.

    Attributes:
        answered: whether the endpoint has begun an answer that is no error.
    """

    def __init__(self, request: bytes, costly: bool) -> None:
        self._request, self._costly = request, costly
        self._sent = self._stream = self.answered = False
        self._rest, self._usage, self._chunks = b"", None, 0

    def sent(self) -> None:
        """Note that the request was sent, so that it may cost tokens."""
        self._sent = True

    def begin(self, status: int, content_type: str) -> None:
        """Note the status and content type of the answer."""
        self.answered, self._stream = status < 400, content_type.startswith("text/event-stream")
        self._sent = self.answered

    def feed(self, part: bytes) -> None:
        """Read a chunk of the answer."""
        if not self._costly or not self.answered or len(self._rest) > _LARGEST:
            return
        self._rest += part
        if self._stream:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._read_event(line)

    def usage(self) -> Usage:
        """The usage of the call: from the answer, or estimated. A lost answer counts as the most that it may use."""
        if not self._costly or not self._sent:
            return FREE
        if not self.answered:
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
