"""Quota: what a deployment answers in a minute before it says 429.

Two token buckets, one for requests and one for tokens, each holding a minute's worth and refilling steadily. Both
are computed from the clock when a request arrives, so a request costs the same however many came before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from helpers.endpoint.errors import ApiError


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens a minute, for each deployment."""

    requests: int = 1_000
    tokens: int = 200_000


class Bucket:
    """A token bucket that holds `capacity` and refills in sixty seconds."""

    __slots__ = ("at", "capacity", "level", "rate")

    def __init__(self, capacity: int, now: float) -> None:
        self.capacity, self.rate = capacity, capacity / 60
        self.level, self.at = float(capacity), now

    def refill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.at) * self.rate)
        self.at = now

    def wait_for(self, amount: float) -> float:
        """Seconds until `amount` fits."""
        return max(0.0, (min(amount, self.capacity) - self.level) / self.rate)


class Quota:
    """What is left to one deployment.

    Args:
        limits: how much a minute holds.
        clock: seconds, monotonic.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.requests, self.tokens = Bucket(limits.requests, clock()), Bucket(limits.tokens, clock())

    def take(self, tokens: int) -> None:
        """Charge one request and its tokens.

        Raises:
            ApiError: 429 with `Retry-After` in whole seconds when one of the two does not fit.
        """
        now = self.clock()
        self.requests.refill(now)
        self.tokens.refill(now)
        wait = max(self.requests.wait_for(1), self.tokens.wait_for(tokens))
        if wait > 0:
            seconds = math.ceil(wait)
            raise ApiError(
                429,
                "rate_limit_exceeded",
                f"Rate limit of this deployment reached: {self.requests.capacity:,} requests and "
                f"{self.tokens.capacity:,} tokens a minute. Try again in {seconds} s.",
                headers=(("retry-after", str(seconds)), *self.headers()),
            )
        self.requests.level -= 1
        self.tokens.level -= tokens

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The `x-ratelimit-*` headers: limit, what remains, and the seconds until the bucket is full again."""
        rows = []
        for name, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            rows += [
                (f"x-ratelimit-limit-{name}", str(bucket.capacity)),
                (f"x-ratelimit-remaining-{name}", str(max(0, int(bucket.level)))),
                (f"x-ratelimit-reset-{name}", f"{bucket.wait_for(bucket.capacity):.3f}s"),
            ]
        return tuple(rows)
