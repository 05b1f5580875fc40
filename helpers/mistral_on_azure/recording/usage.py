"""Usage in calls, tokens and money, and the budget that stops a run before it exceeds a limit."""

from __future__ import annotations

from dataclasses import dataclass, field

from mistral_on_azure.errors import CookbookError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests sent and tokens used.

    Attributes:
        exact: False when the tokens of some answers were estimated, because these did not state their usage.
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
    if any(usage is None for usage in usages):
        return None
    return sum((usage for usage in usages if usage), Usage())


def count_text(number: int | None, exact: bool = True) -> str:
    """A count for a table: `?` for None, and `~` in front of an estimate."""
    if number is None:
        return "?"
    return f"{'' if exact else '~'}{number:,}"


class Exhausted(Exception):
    """A call was not made, because it could exceed the budget."""


@dataclass(slots=True)
class Budget:
    """The limits of a run, its usage so far, and the reservations of calls under way.

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
            Exhausted: when the budget does not allow the call. The run must stop then.
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
            f"and it may take {most} on top of the calls under way."
        )
        raise Exhausted(self.stopped)
