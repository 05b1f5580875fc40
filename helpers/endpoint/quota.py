"""Quota: what a deployment answers in a minute before it says 429.

Two token buckets, one for requests and one for tokens, each holding a minute's worth and refilling steadily. Both
are computed from the clock when a request arrives, so a request costs the same however many came before.

An answered chat completion takes one request and its prompt and completion tokens, as in its `usage`; one that is
refused for another reason takes a request and no tokens; a 429 takes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from helpers.endpoint.errors import ApiError

_ROUNDING = 1e-9  # of a bucket: what floating point may lose while it refills


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens a minute, for each deployment."""

    requests: int = 1_000
    tokens: int = 200_000


class Bucket:
    """A token bucket that holds `capacity` and refills in sixty seconds."""

    __slots__ = ("at", "capacity", "level", "limit", "rate", "remaining", "reset")

    def __init__(self, name: str, capacity: int, now: float) -> None:
        self.capacity, self.rate = capacity, capacity / 60
        self.level, self.at = float(capacity), now
        self.limit = (f"x-ratelimit-limit-{name}", str(capacity))
        self.remaining, self.reset = f"x-ratelimit-remaining-{name}", f"x-ratelimit-reset-{name}"

    def refill(self, now: float) -> None:
        level = self.level + (now - self.at) * self.rate
        self.level = level if level < self.capacity else float(self.capacity)
        self.at = now

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` fits. More than the bucket holds fits when it is full, and is owed afterwards."""
        missing = min(amount, self.capacity) - self.level
        return missing / self.rate if missing > self.capacity * _ROUNDING else 0.0

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What it holds, what is left, and the seconds until it is full again."""
        level = self.level
        return (
            self.limit,
            (self.remaining, str(int(level)) if level > 0 else "0"),
            (self.reset, "%.3fs" % ((self.capacity - level) / self.rate)),
        )


class Quota:
    """What is left to one deployment.

    Args:
        limits: how much a minute holds.
        clock: seconds, monotonic.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.requests = Bucket("requests", limits.requests, clock())
        self.tokens = Bucket("tokens", limits.tokens, clock())

    def take(self, tokens: int) -> None:
        """Charge one request and its tokens.

        Raises:
            ApiError: 429 with `Retry-After` in whole seconds when one of the two does not fit.
        """
        now, requests, bucket = self.clock(), self.requests, self.tokens
        requests.refill(now)
        bucket.refill(now)
        wait = max(requests.wait_for(1), bucket.wait_for(tokens))
        if wait > 0:
            raise self._exceeded(math.ceil(wait))
        requests.level -= 1
        bucket.level -= tokens

    def settle(self, tokens: int) -> None:
        """Charge tokens that were only known once an engine had spent them; the next request may have to wait."""
        self.tokens.level -= tokens

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The `x-ratelimit-*` headers, as of the last request."""
        return self.requests.headers() + self.tokens.headers()

    def _exceeded(self, seconds: int) -> ApiError:
        return ApiError(
            429,
            "rate_limit_exceeded",
            f"Rate limit of this deployment reached: {self.requests.capacity:,} requests and "
            f"{self.tokens.capacity:,} tokens a minute. Try again in {seconds} s.",
            headers=(("retry-after", str(seconds)), *self.headers()),
        )
