"""Sort support tickets with Mistral on Azure. What the model cannot sort, or not now, waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

CATEGORIES = ("billing", "delivery", "account", "other")
INSTRUCTION = f"You sort support tickets. Answer with one word: {', '.join(CATEGORIES)}."
MOST_TOKENS = 8  # enough for a category, and what a chatty answer can cost at most
WORKERS = 4

Ask = Callable[[str, str, int], str]  # instruction, ticket, most tokens -> answer


class Unavailable(Exception):
    """The model did not answer, although it was asked again."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A ticket and its category, or why a person has to look at it."""

    ticket: str
    category: str | None
    problem: str = ""


class Triage:
    """Sorts tickets.

    Args:
        ask: what asks the model; it raises `Unavailable`.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def sort(self, ticket: str) -> Sorted:
        """The category of one ticket."""
        if not ticket.strip():
            return Sorted(ticket, None, "empty")
        try:
            answer = self._ask(INSTRUCTION, ticket, MOST_TOKENS)
        except Unavailable as error:
            return Sorted(ticket, None, f"no answer: {error}")
        word = answer.strip().strip(".!\"'").lower()
        return Sorted(ticket, word) if word in CATEGORIES else Sorted(ticket, None, f"unclear answer: {answer!r}")

    def sort_all(self, tickets: Iterable[str]) -> list[Sorted]:
        """The categories of many tickets, in their order; a few are asked for at once."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(self.sort, tickets))
