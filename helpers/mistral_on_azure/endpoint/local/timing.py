"""Timing: the pace of a response. It is off by default: a response is written as soon as it is complete.

A timing is a time to the first token in seconds and a number of tokens a second. It is set for the server
(`cookbook serve --timing`), for a session (`POST /local/timing`) or for one request (the header `x-local-timing`); the
latter override the former. All three take the same values:

- `off`: no delay;
- `imitate`: the pace of the deployment that answers, from deployments.toml. These figures are plausible; they were not
  measured on Azure;
- `first-token=0.2; tokens-per-second=50`, or one of the two.

The response to `POST /local/timing` also has the previous value, with which a client can restore it.

In a stream, the first token is written after the time to the first token, and each further token at its own due time.
A response without streaming is written when the last token of its stream would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from mistral_on_azure.azure.deployments import imitated_paces
from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.fields import LONGEST, FirstToken, TokensPerSecond, check, fields_of, read
from mistral_on_azure.endpoint.transport.exchange import Answer

HEADER = "x-local-timing"


class Timing(Struct, frozen=True):
    """The pace of one response.

    Attributes:
        first_token: seconds to the first token.
        tokens_per_second: None writes all tokens at once.
    """

    first_token: FirstToken = 0.0
    tokens_per_second: TokensPerSecond | None = None


FIELDS = fields_of(Timing)


@dataclass(frozen=True, slots=True)
class Setting:
    """A timing as it was requested.

    Attributes:
        words: the requested text, such as `imitate`.
        of: returns the timing of a deployment, by its name.
    """

    words: str
    of: Callable[[str], Timing]


@lru_cache(maxsize=256)  # as clients send the same header with every request
def setting(text: str) -> Setting:
    """Read a setting: `off`, `imitate`, or the fields of a timing.

    Raises:
        ApiError: 400 for another word, or a wrong field or value.
    """
    if len(text) > LONGEST:
        raise invalid(f"A timing has at most {LONGEST:,} characters.", code="invalid_field")
    words = text.strip()
    if words in _BY_WORD:
        return _BY_WORD[words]
    if "=" not in words:
        raise invalid(
            f"A timing is 'off', 'imitate' or 'first-token=SECONDS; tokens-per-second=NUMBER', not {text!r}.",
            code="invalid_field",
        )
    timing = Timing(**check(read(words), FIELDS, "A timing"))
    return Setting(words, lambda deployment: timing)


def paced(answer: Answer, timing: Timing, fault: Fault | None = None) -> Answer:
    """The answer with the delay and the gap between tokens that a timing sets, or a fault in its place."""
    if fault is not None:
        first_token = timing.first_token if fault.first_token is None else fault.first_token
        timing = Timing(first_token, fault.tokens_per_second or timing.tokens_per_second)
    if timing == NO_WAITING:
        return answer
    gap, steps = 1 / timing.tokens_per_second if timing.tokens_per_second else 0.0, max(0, answer.tokens - 1)
    delay = answer.delay + timing.first_token  # an exchange of the script may have a delay already
    if answer.events is None:
        return replace(answer, delay=delay + steps * gap)
    return replace(answer, delay=delay, gap=gap, steps=steps)


@cache
def _imitations() -> dict[str, Timing]:
    return {name: Timing(**figures) for name, figures in imitated_paces().items()}


NO_WAITING = Timing()
OFF = Setting("off", lambda deployment: NO_WAITING)
_IMITATE = Setting("imitate", lambda deployment: _imitations()[deployment])
_BY_WORD = {setting.words: setting for setting in (OFF, _IMITATE)}
