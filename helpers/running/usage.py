"""What calls cost: requests, tokens in and out, and money."""

from __future__ import annotations

from dataclasses import dataclass

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
