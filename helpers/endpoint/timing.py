"""Timing: how long an answer takes. Off by default: an answer leaves as soon as it is known.

A timing is a time to the first token in seconds and a number of tokens a second. It is set for the server
(`cookbook serve --timing`), for a session (`POST /local/timing`) or for one request (the header `x-local-timing`), each
overriding the one before, in the same words:

- `off`: no waiting;
- `imitate`: the pace of the deployment that answers, as deployments.toml has it. These figures imitate; nobody measured
  them on Azure;
- `first-token=0.2; tokens-per-second=50`: these two, or one of them;
- `before`, for a session only: what its timing was until it was last set.

In a stream, the first token leaves after the time to the first token and each further one at its own due time. An
answer in one piece leaves when the last token of its stream would.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import helpers
from helpers.endpoint.errors import invalid
from helpers.endpoint.exchange import Answer
from helpers.endpoint.fields import check, number, read

HEADER = "x-local-timing"
FIELDS = {"first_token": number(0, 600, "seconds"), "tokens_per_second": number(0.01, 1_000_000)}


@dataclass(frozen=True, slots=True)
class Timing:
    """The pace of one answer.

    Attributes:
        first_token: seconds to the first token.
        tokens_per_second: None for all at once.
    """

    first_token: float = 0.0
    tokens_per_second: float | None = None


Setting = Callable[[str], Timing]  # the timing of a deployment, by its name


def off(deployment: str) -> Timing:
    """No waiting."""
    return _OFF


def imitate(deployment: str) -> Timing:
    """The pace that imitates a deployment."""
    return _imitations()[deployment]


def setting(text: str) -> Setting:
    """Read a setting: `off`, `imitate`, or the fields of a timing.

    Raises:
        ApiError: 400 for anything else.
    """
    words = {"off": off, "imitate": imitate}
    if text.strip() in words:
        return words[text.strip()]
    if "=" not in text:
        raise invalid(
            f"A timing is 'off', 'imitate' or 'first-token=SECONDS; tokens-per-second=NUMBER', not {text!r}.",
            code="invalid_field",
        )
    timing = Timing(**check(read(text), FIELDS, "A timing"))
    return lambda deployment: timing


def paced(answer: Answer, timing: Timing, tokens: int) -> Answer:
    """The answer, to be written at a pace.

    Args:
        tokens: how many were generated.
    """
    if timing == _OFF:
        return answer
    gap, steps = 1 / timing.tokens_per_second if timing.tokens_per_second else 0.0, max(0, tokens - 1)
    if answer.events is None:
        return replace(answer, delay=timing.first_token + steps * gap)
    return replace(answer, delay=timing.first_token, gap=gap, steps=steps)


@cache
def _imitations() -> dict[str, Timing]:
    file = Path(helpers.__file__).with_name("deployments.toml")
    table = tomllib.loads(file.read_text(encoding="utf-8"))["imitated_pace"]
    return {name: Timing(**figures) for name, figures in table.items()}


_OFF = Timing()
