"""Quota: the requests and tokens that a deployment answers in a minute, before it sends 429.

There are two token buckets, one for requests and one for tokens. Each holds the amount of a minute and refills at a
constant rate. Its level is computed from the clock when a request arrives.

A chat completion is charged one request and the tokens of its `usage`; a request that is refused for another reason is
charged one request and no tokens; a 429 is charged nothing. A large request gets 429 before it is processed if even the
lower bound of its tokens does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import fields

_LINES = (
    b"x-ratelimit-limit-requests: LIMIT\r\nx-ratelimit-remaining-requests: %d\r\nx-ratelimit-reset-requests: %.3fs\r\n"
    b"x-ratelimit-limit-tokens: LIMIT\r\nx-ratelimit-remaining-tokens: %d\r\nx-ratelimit-reset-tokens: %.3fs\r\n"
)
_ROUNDING = 1e-9  # share of a bucket's capacity: the tolerance for rounding errors while it refills


@dataclass(frozen=True, slots=True)
class Limits:
    """The quota of each deployment for each key.

    Attributes:
        requests: requests a minute.
        tokens: tokens a minute; None is the default of the kind of deployment.
        minute: length of that minute in seconds. With a shorter one, tests see the quota refill in less time.
    """

    requests: int = 1_000
    tokens: int | None = None
    minute: float = 60.0


class QuotaExceeded(ApiError):
    """429: a request does not fit into the quota. It is not charged."""


class Bucket:
    """A token bucket.

    Args:
        capacity: the amount that the full bucket holds.
        minute: seconds in which an empty bucket refills.
    """

    __slots__ = ("capacity", "level", "rate")

    def __init__(self, capacity: int, minute: float) -> None:
        self.capacity, self.rate, self.level = capacity, capacity / minute, float(capacity)

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` fits; 0 if it fits now.

        An amount above the capacity fits into a full bucket, whose level is negative afterwards.
        """
        missing = min(amount, self.capacity) - self.level
        return missing / self.rate if missing > self.capacity * _ROUNDING else 0.0


class Quota:
    """The quota of one deployment for one key.

    Args:
        limits: requests and tokens a minute.
        clock: returns monotonic seconds.
        usual: tokens a minute where `limits` has None.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float], usual: int = 200_000) -> None:
        self.clock, tokens = clock, usual if limits.tokens is None else limits.tokens
        self.requests, self.tokens = Bucket(limits.requests, limits.minute), Bucket(tokens, limits.minute)
        self._at = clock()
        self._lines = _LINES  # the limits, which never change, are filled in once
        for limit in (limits.requests, tokens):
            self._lines = self._lines.replace(b"LIMIT", b"%d" % limit, 1)

    def take(self, tokens: int) -> None:
        """Charge one request and its tokens.

        Raises:
            QuotaExceeded: 429 with `Retry-After` in whole seconds when the request or its tokens do not fit.
        """
        self.check(tokens)
        self.requests.level -= 1
        self.tokens.level -= tokens

    def check(self, least: int) -> None:
        """Refuse a request that cannot fit, before it is processed. Nothing is charged; `take` does that later.

        Args:
            least: a lower bound of the request's tokens.

        Raises:
            QuotaExceeded: as `take` does.
        """
        now, requests, tokens = self.clock(), self.requests, self.tokens
        elapsed, self._at = now - self._at, now
        left = requests.level + elapsed * requests.rate
        requests.level = left if left < requests.capacity else requests.capacity
        left = tokens.level + elapsed * tokens.rate
        tokens.level = left if left < tokens.capacity else tokens.capacity
        if requests.level < 1 or tokens.level < least:
            wait = max(requests.wait_for(1), tokens.wait_for(least))
            if wait:
                raise self._exceeded(math.ceil(wait))

    def settle(self, tokens: int) -> None:
        """Charge the difference between an engine's actual tokens and the estimate; it may be negative.

        Tokens that do not fit are charged all the same, and the next request has to wait for them.
        """
        self.tokens.level -= tokens

    def headers(self) -> bytes:
        """The `x-ratelimit-*` header lines after the last charge: what is left, and seconds until a bucket is full."""
        requests, tokens = self.requests, self.tokens
        return self._lines % (
            requests.level if requests.level > 0 else 0,
            (requests.capacity - requests.level) / requests.rate,
            tokens.level if tokens.level > 0 else 0,
            (tokens.capacity - tokens.level) / tokens.rate,
        )

    def _exceeded(self, seconds: int) -> QuotaExceeded:
        return QuotaExceeded(
            429,
            "rate_limit_exceeded",
            f"Rate limit of this deployment reached: {self.requests.capacity:,} requests and "
            f"{self.tokens.capacity:,} tokens a minute. Try again in {seconds} s.",
            headers=(("retry-after", str(seconds)), *fields(self.headers()).items()),
        )
