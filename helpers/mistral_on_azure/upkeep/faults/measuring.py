"""The seconds between tries: read from when these arrived, and compared so that a busy machine is no news.

A wait is what its client chose to wait: the time that a try took to fail is not part of it, as far as that is a timeout
of the client. On loopback all else is next to nothing.

An exception's text as its user sees it, in one line, without what differs from one run or machine to the next.

One client meets one fault: the call is made, and the endpoint's own journal tells how often it came.
"""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.faults import calls
from mistral_on_azure.upkeep.faults.calls import CALLS, Call
from mistral_on_azure.upkeep.faults.cases import Case

_EARLY = 0.4  # seconds that a wait may be shorter than it was ever measured: clients draw theirs at random
_LATE = 1.5  # seconds that it may be longer: on a busy machine everything comes late
_ALIKE = 0.5  # seconds: what is closer is shown as one span
_TOLD = 1.0  # seconds that a client which waits as told may come late

Spans = list[list[float]]  # for each wait the shortest and the longest that was measured


def rounded(arrived: list[float], timeout: float | None = None) -> list[float]:
    """The waits between tries, to a tenth of a second.

    Args:
        arrived: when the tries did, in seconds.
        timeout: after which each try failed.
    """
    return [round(max(0.0, later - earlier - (timeout or 0)), 1) for earlier, later in pairwise(arrived)]


def spans(repeats: list[list[float]]) -> Spans:
    """The spans of repeats with as many tries."""
    return [[min(each), max(each)] for each in zip(*repeats, strict=True)]


def agree(kept: Spans, seen: list[float]) -> bool:
    """Whether waits are those that are kept, as far as a busy machine lets one tell."""
    return len(kept) == len(seen) and all(
        low - _EARLY <= wait <= high + _LATE for (low, high), wait in zip(kept, seen, strict=True)
    )


def alike(one: Spans, other: Spans) -> bool:
    """Whether waits are so much alike that a reader takes them for the same."""
    return len(one) == len(other) and all(high - low <= _ALIKE for low, high in joined(one, other))


def joined(one: Spans, other: Spans) -> Spans:
    """Spans that cover both."""
    return [[min(left[0], right[0]), max(left[1], right[1])] for left, right in zip(one, other, strict=True)]


def as_told(kept: Spans, told: int | None) -> bool:
    """Whether a client waited what `Retry-After` said."""
    return bool(kept and told) and all(told <= low and high <= told + _TOLD for low, high in kept)


def in_words(kept: Spans) -> str:
    """How a reader is told: seconds such as `0.4 to 0.5, 1`."""
    return ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in kept) or "none"


_LONGEST = 240  # characters
_CHANGING = (
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "https://HOST"),
    (re.compile(r"127\.0\.0\.1"), "HOST"),
    (re.compile(r"port=\d+"), "port=PORT"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"\[?Errno \d+\]?"), "[Errno …]"),  # a number of the operating system
    (re.compile(r"(?<=Error\()\d+"), "…"),  # the same
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b"), "ID"),
    (re.compile(r"\b(column|char) \d+"), r"\1 N"),  # depends on the length of the answer
    (re.compile(r"\d{8,}|\b\d+\.\d{3,}"), "N"),  # a date, a measured time
)


def one_line(error: Exception, exchange: dict[str, Any] | None = None) -> str:
    """The text of an exception; its class where it has none.

    Args:
        exchange: the last one, as the endpoint's journal has it. Of what the endpoint said there, only `{status}`,
            `{reason}`, `{code}`, `{message}` and `{body}` remain, so that one sees what the client adds.
    """
    text = str(error)
    for said, stand_in in _said(exchange or {}):
        text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", stand_in, text)
    text = " ".join(text.split())
    for pattern, stand_in in _CHANGING:
        text = pattern.sub(stand_in, text)
    if not text:
        return f"{type(error).__name__}, without a word"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _said(exchange: dict[str, Any]) -> list[tuple[str, str]]:
    """What the endpoint said, the longest first."""
    body = exchange.get("answer")
    if not body:
        return []
    if exchange["status"] < 400:
        return [(body, "{body}")]
    parsed = json.loads(body)
    return [
        (body, "{body}"),
        (str(parsed), "{body}"),  # as Python shows a dictionary
        (parsed["message"], "{message}"),
        (parsed["code"], "{code}"),
        (HTTPStatus(exchange["status"]).phrase, "{reason}"),
        (str(exchange["status"]), "{status}"),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one client did about one fault, once.

    Attributes:
        tries: requests that the endpoint received.
        waits: seconds between them, without the time that a try took to fail.
        raised: the exception's class, qualified; None if there was none.
        status: the HTTP status that the exception carries.
        own_code: whether the exception came from the user's code and not from the client.
        sees: the exception's text in one line, or what the user got.
        kept: the text the user had in hand at the end: "all", "part" or "none" of the answer.
        finish: the reason why the answer ended, as the client gave it.
    """

    tries: int
    waits: list[float]
    raised: str | None
    status: int | None
    own_code: bool
    sees: str
    kept: str
    finish: str | None


def measure(client: str, case: Case, url: str, key: str, whole: str) -> Measured:
    """Make the call and see what comes of it.

    Args:
        key: one that nobody else uses, so that the faults and the journal of this call are its own.
        whole: the answer, as it is without a fault.
    """
    _ask(url, key, case.fault)
    call = Call(url, key, case.stream, case.timeout)
    error = _made(client, call)
    text = "".join(call.pieces)
    kept = "all" if text == whole else "part" if text else "none"
    finish = call.finish and str(getattr(call.finish, "value", call.finish))
    exchanges = _exchanges(url, key)
    return Measured(
        tries=len(exchanges),
        waits=rounded([exchange["at"] for exchange in exchanges], case.timeout),
        raised=_qualified(error) if error else None,
        status=_status(error) if error else None,
        own_code=error is not None and _of_own_code(error),
        sees=one_line(error, exchanges[-1] if exchanges else None) if error else _got(kept, finish),
        kept=kept,
        finish=finish,
    )


def answer(client: str, url: str, key: str) -> str:
    """The answer without a fault; it also loads the client, so that no measured call pays for that.

    Raises:
        CookbookError: when the client fails on a healthy endpoint, or its stream says something else.
    """
    texts = []
    for stream in (False, True):
        call = Call(url, key, stream)
        error = _made(client, call)
        if error:
            raise CookbookError(f"{client} fails without any fault: {one_line(error)}") from error
        texts.append("".join(call.pieces))
    if texts[0] != texts[1] or not texts[0]:
        raise CookbookError(f"{client} answers {texts[0]!r} in one piece, but {texts[1]!r} streamed.")
    return texts[0]


def _made(client: str, call: Call) -> Exception | None:
    try:
        CALLS[client](call)
    except Exception as error:  # whatever it is, it is what the user would see
        return error
    return None


def _ask(url: str, key: str, fault: dict) -> None:
    answered = http.request("POST", f"{url}/local/faults", key, fault)
    if answered.status != 200:
        raise CookbookError(f"The endpoint has no such fault: {answered.message}")


def _exchanges(url: str, key: str) -> list[dict[str, Any]]:
    """What was sent and answered."""
    exchanges = http.request("GET", f"{url}/local/exchanges?last=1000", key).json()
    return [exchange for exchange in exchanges if exchange["path"].endswith("/chat/completions")]


def _qualified(error: Exception) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _got(kept: str, finish: str | None) -> str:
    """What a user got to whom nothing was raised. A part is easily taken for the whole where a reason says it ended."""
    text = {"all": "the whole answer", "part": "a part of the answer", "none": "no text"}[kept]
    if kept == "all" and finish:
        return text
    return f"{text}, {f'finish_reason {finish!r}' if finish else 'no finish_reason'}"


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    for status in (getattr(error, "status_code", None), getattr(response, "status_code", None)):
        if isinstance(status, int):
            return status
    return None


def _of_own_code(error: Exception) -> bool:
    """Whether no installed package is between the user's own code and the exception."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = max(place for place, file in enumerate(files) if file == calls.__file__)
    return not any("site-packages" in file for file in files[own:])
