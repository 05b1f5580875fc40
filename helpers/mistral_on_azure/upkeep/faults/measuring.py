"""Calls with faults, measured: one client and one fault, or all pairs of them in parallel.

The local endpoint's journal has the number of tries and their times. A wait is the time that the client chose to wait
between two tries, without the client's timeout; on loopback, other times are negligible. The text of an exception is
kept in one line, without values that differ between runs or machines.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
import traceback
import warnings
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.faults import calls
from mistral_on_azure.upkeep.faults.calls import CALLS, CASES, Call, Case

_EARLY = 0.4  # seconds by which a wait may be shorter than measured before: clients choose waits at random
_LATE = 1.5  # seconds by which it may be longer, on a busy machine
_ALIKE = 0.5  # seconds; waits that differ less are shown as one span
_LATER = 1.0  # seconds by which a client that obeys `Retry-After` may be late

Spans = list[list[float]]  # for each wait the shortest and the longest that was measured
Pair = tuple[str, str]  # the names of a case and of a client
PAIRS = [(case, client) for client in CALLS for case in CASES]


def rounded(arrived: list[float], timeout: float | None = None) -> list[float]:
    """The waits between tries, to a tenth of a second.

    Args:
        arrived: the times of the tries, in seconds.
        timeout: the client's timeout in seconds, after which each try failed; None for none.
    """
    return [round(max(0.0, later - earlier - (timeout or 0)), 1) for earlier, later in pairwise(arrived)]


def agree(kept: Spans, seen: list[float]) -> bool:
    """Whether waits agree with the kept spans, within the tolerance for a busy machine."""
    return len(kept) == len(seen) and all(
        low - _EARLY <= wait <= high + _LATE for (low, high), wait in zip(kept, seen, strict=True)
    )


def alike(one: Spans, other: Spans) -> bool:
    """Whether waits differ so little that they are shown as one span."""
    return len(one) == len(other) and all(high - low <= _ALIKE for low, high in joined(one, other))


def joined(one: Spans, other: Spans) -> Spans:
    """Spans that cover both."""
    return [[min(left[0], right[0]), max(left[1], right[1])] for left, right in zip(one, other, strict=True)]


def obeys_retry_after(kept: Spans, seconds: int | None) -> bool:
    """Whether there is a `Retry-After`, and all waits are as long as it says."""
    return bool(kept and seconds) and all(seconds <= low and high <= seconds + _LATER for low, high in kept)


def in_words(kept: Spans) -> str:
    """The spans as text: seconds such as `0.4 to 0.5, 1`."""
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
    """The text of an exception; the name of its class for an empty text.

    Args:
        exchange: the last exchange in the endpoint's journal. Its texts are replaced by `{status}`, `{reason}`,
            `{code}`, `{message}` and `{body}`, so that the client's own words are visible.
    """
    text = str(error)
    for part, name in _texts(exchange or {}):
        text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", name, text)
    text = " ".join(text.split())
    for pattern, placeholder in _CHANGING:
        text = pattern.sub(placeholder, text)
    if not text:
        return f"{type(error).__name__}, without a word"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _texts(exchange: dict[str, Any]) -> list[tuple[str, str]]:
    """The texts of an answer with their placeholders, the longest first."""
    body = exchange.get("answer")
    if not body:
        return []
    if exchange["status"] < 400:
        return [(body, "{body}")]
    parsed = json.loads(body)
    error = parsed.get("error", parsed)  # the container of managed compute has only `error`
    return [
        (body, "{body}"),
        (str(parsed), "{body}"),  # as Python shows a dictionary
        (error["message"], "{message}"),
        (error["code"], "{code}"),
        (HTTPStatus(exchange["status"]).phrase, "{reason}"),
        (str(exchange["status"]), "{status}"),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """How one client handled one fault, in one call.

    Attributes:
        tries: the number of requests that the endpoint received.
        waits: seconds between them, without the client's timeout.
        raised: the qualified name of the exception's class; None without an exception.
        status: the HTTP status in the exception.
        own_code: whether the exception was raised in the user's code and not in the client.
        sees: the exception's text in one line, or a description of the answer.
        kept: how much of the answer the user has received: "all", "part" or "none".
        finish: the finish reason, as the client shows it.
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
    """Make the call and measure it.

    Args:
        key: a key for this call alone, so that its faults and its journal are separate.
        whole: the text of the answer without a fault.
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
    """The text of the answer without a fault. This also imports the client, which no measured call then includes.

    Raises:
        CookbookError: when the client fails without a fault, or its stream has another text.
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
    except Exception as error:  # whatever its class, the user would see it
        return error
    return None


def _ask(url: str, key: str, fault: dict) -> None:
    answered = http.request("POST", f"{url}/local/faults", key, fault)
    if answered.status != 200:
        raise CookbookError(f"The endpoint has no such fault: {answered.message}")


def _exchanges(url: str, key: str) -> list[dict[str, Any]]:
    """The exchanges of a key's chat completions, in the journal's order."""
    exchanges = http.request("GET", f"{url}/local/exchanges?last=1000", key).json()
    return [exchange for exchange in exchanges if exchange["path"].endswith("/chat/completions")]


def _qualified(error: Exception) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _got(kept: str, finish: str | None) -> str:
    """A description of an answer without an exception, with its finish reason, by which a part looks complete."""
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
    """Whether the exception was raised in the user's code, with no installed package in between."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = max(place for place, file in enumerate(files) if file == calls.__file__)
    return not any("site-packages" in file for file in files[own:])


def measure_all(pairs: Collection[Pair]) -> dict[Pair, Measured]:
    """Measure each pair once, on one local endpoint and with a process for each client.

    Raises:
        CookbookError: when a client fails without any fault.
    """
    cases = {client: [case for case, of in pairs if of == client] for _, client in pairs}
    keys = {client: [new_key() for _ in range(len(mine) + 1)] for client, mine in cases.items()}
    with (
        start([key for each in keys.values() for key in each]) as endpoint,
        ProcessPoolExecutor(len(keys), multiprocessing.get_context("spawn")) as pool,
    ):
        running = {
            client: pool.submit(_measure_client, client, mine, endpoint.url, keys[client])
            for client, mine in cases.items()
        }
        done = {client: future.result() for client, future in running.items()}
    return {(case, client): done[client][case] for case, client in pairs}


def _measure_client(client: str, cases: list[str], url: str, keys: list[str]) -> dict[str, Measured]:
    logging.disable()
    warnings.simplefilter("ignore")
    whole = answer(client, url, keys[0])
    with ThreadPoolExecutor(at_once(client)) as pool:
        measured = pool.map(lambda case, key: measure(client, CASES[case], url, key, whole), cases, keys[1:])
        return dict(zip(cases, measured, strict=True))


def at_once(client: str) -> int:
    """The number of calls of a client that are made in parallel."""
    return 1 if clients()[client].shares_connections else 8
