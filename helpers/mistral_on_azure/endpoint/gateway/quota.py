"""Quota: what a deployment answers in a minute before it says 429.

Two token buckets, one for requests and one for tokens, each holding a minute's worth and refilling steadily. Both
are computed from the clock when a request arrives, so a request costs the same however many came before.

An answered chat completion takes one request and its prompt and completion tokens, as in its `usage`; one that is
refused for another reason takes a request and no tokens; a 429 takes nothing. A large request is refused with 429
before any work when already the fewest tokens that its texts can have do not fit.
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
_ROUNDING = 1e-9  # of a bucket: what floating point may lose while it refills


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens a minute, for each deployment.

    Attributes:
        tokens: None for what the kind of deployment has.
        minute: the seconds that a minute takes. Fewer show what a whole quota does in less time.
    """

    requests: int = 1_000
    tokens: int | None = None
    minute: float = 60.0


class QuotaExceeded(ApiError):
    """429: the quota has no room for a request, which therefore takes nothing of it."""


class Bucket:
    """A token bucket that holds `capacity` and refills in a minute, of so many seconds."""

    __slots__ = ("at", "capacity", "level", "rate", "rounding")

    def __init__(self, capacity: int, now: float, minute: float = 60.0) -> None:
        self.capacity, self.rate, self.rounding = capacity, capacity / minute, capacity * _ROUNDING
        self.level, self.at = float(capacity), now

    def wait_for(self, amount: float, now: float) -> float:
        """Seconds until `amount` fits. More than the bucket holds fits when it is full, and is owed afterwards."""
        level = self.level + (now - self.at) * self.rate
        self.level = level = level if level < self.capacity else self.capacity
        self.at = now
        missing = (amount if amount < self.capacity else self.capacity) - level
        return missing / self.rate if missing > self.rounding else 0.0

    def state(self) -> tuple[float, float]:
        """The amount that is left, 0 while some is owed, and the seconds until the bucket is full again."""
        level = self.level
        return level if level > 0 else 0, (self.capacity - level) / self.rate


class Quota:
    """The requests and tokens that one deployment may still take this minute.

    Args:
        limits: how much a minute holds.
        clock: seconds, monotonic.
        usual: tokens a minute, where the limits say nothing.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float], usual: int = 200_000) -> None:
        self.clock, tokens = clock, usual if limits.tokens is None else limits.tokens
        self.requests = Bucket(limits.requests, clock(), limits.minute)
        self.tokens = Bucket(tokens, clock(), limits.minute)
        self._lines = _LINES  # every answer has them, so what never changes is filled in once
        for limit in (limits.requests, tokens):
            self._lines = self._lines.replace(b"LIMIT", b"%d" % limit, 1)

    def take(self, tokens: int) -> None:
        """Charge one request and its tokens.

        Raises:
            QuotaExceeded: 429 with `Retry-After` in whole seconds when one of the two does not fit.
        """
        now = self.clock()
        for_requests, for_tokens = self.requests.wait_for(1, now), self.tokens.wait_for(tokens, now)
        if for_requests or for_tokens:
            raise self._exceeded(math.ceil(max(for_requests, for_tokens)))
        self.requests.level -= 1
        self.tokens.level -= tokens

    def check(self, least: int) -> None:
        """Refuse a request that does not fit whatever it comes to, before there is any work with it.

        Args:
            least: the fewest tokens that it can take; what it does take is charged by `take`.

        Raises:
            QuotaExceeded: as `take` does.
        """
        now = self.clock()
        for_requests, for_tokens = self.requests.wait_for(1, now), self.tokens.wait_for(least, now)
        if for_requests or for_tokens:
            raise self._exceeded(math.ceil(max(for_requests, for_tokens)))

    def settle(self, tokens: int) -> None:
        """Charge tokens that were only known once an engine had spent them; the next request may have to wait."""
        self.tokens.level -= tokens

    def headers(self) -> bytes:
        """The `x-ratelimit-*` header lines, as of the last request."""
        return self._lines % (self.requests.state() + self.tokens.state())

    def _exceeded(self, seconds: int) -> QuotaExceeded:
        return QuotaExceeded(
            429,
            "rate_limit_exceeded",
            f"Rate limit of this deployment reached: {self.requests.capacity:,} requests and "
            f"{self.tokens.capacity:,} tokens a minute. Try again in {seconds} s.",
            headers=(("retry-after", str(seconds)), *fields(self.headers()).items()),
        )
