"""What calls cost in requests, tokens and money, and the budget that stops a run before it overspends."""

from __future__ import annotations

from dataclasses import dataclass, field

from mistral_on_azure.errors import CookbookError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests sent and tokens used. Where `exact` is False, some answers did not say and were estimated."""

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
    """Prices of tokens, each per million and in whatever currency the user thinks."""

    prompt: float
    completion: float

    def cost(self, usage: Usage) -> float:
        return (usage.prompt * self.prompt + usage.completion * self.completion) / _MILLION


def total(usages: list[Usage | None]) -> Usage | None:
    """The sum, None as soon as one is unknown: a sum without it would read as the whole."""
    if any(usage is None for usage in usages):
        return None
    return sum((usage for usage in usages if usage), Usage())


def said(number: int | None, exact: bool = True) -> str:
    """A count as a table shows it: `?` is unknown and `~` estimated."""
    if number is None:
        return "?"
    return f"{'' if exact else '~'}{number:,}"


class Exhausted(Exception):
    """A call was not made, because it could have cost more than what is left."""


@dataclass(slots=True)
class Budget:
    """What a run may use, what it has used, and what the calls under way may still use.

    Attributes:
        tokens: the most in all, None for no limit.
        cost: the most in money, None for no limit.
        prices: of tokens; needed for `cost`.
        used: what finished calls have used.
        stopped: why the run must stop, empty as long as it need not.
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
        """Refuse a budget that cannot be kept.

        Raises:
            CookbookError: when a limit in money has no prices.
        """
        if self.cost is not None and self.prices is None:
            raise CookbookError("--max-cost needs --price-in and --price-out, in the same currency per million tokens.")

    def reserve(self, most: Usage) -> None:
        """Set aside what a call may use at most; all reservations together never exceed the budget.

        Raises:
            Exhausted: when that is more than what is left. From then on no call is made.
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
        """Replace a reservation by what the call has used."""
        self._under_way.remove(most)
        self.used += used

    def _stop(self, limit: str, used: str, most: str) -> None:
        self.stopped = self.stopped or (
            f"The budget of {limit} does not allow the next call: {used} used, "
            f"and it may take {most} on top of the calls under way."
        )
        raise Exhausted(self.stopped)
