"""One client meets one fault: the call is made, and the endpoint's own journal tells how often it came."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from helpers import http
from helpers.errors import CookbookError
from helpers.faults_table import calls
from helpers.faults_table.calls import CALLS, Call
from helpers.faults_table.cases import Case
from helpers.faults_table.waits import rounded
from helpers.faults_table.wording import one_line


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
