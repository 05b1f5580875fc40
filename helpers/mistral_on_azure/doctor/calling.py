"""Sends requests to the endpoint as its clients do, limits their time and size, and counts them."""

from __future__ import annotations

import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from mistral_on_azure.azure.http import Response

_LARGEST = 1024 * 1024  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Answer(Response):
    """An answer with its times.

    Attributes:
        seconds: from sending the request to the last byte.
        arrivals: the time of each part of the body, in seconds after sending.
        broken: whether the connection ended before the answer was complete.
    """

    seconds: float = 0.0
    arrivals: tuple[float, ...] = ()
    broken: bool = False

    @property
    def cause(self) -> int:
        """The status; for a 424 of a managed endpoint, the status of the model's container."""
        inner = self.headers.get("ms-azureml-model-error-statuscode", "") if self.status == 424 else ""
        return int(inner) if inner.isdigit() else self.status

    @property
    def status_words(self) -> str:
        """The status as text; the status of a managed endpoint's container as "503 inside a 424"."""
        return str(self.cause) if self.cause == self.status else f"{self.cause} inside a {self.status}"

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in the body; empty for any other body."""
        value = self.json()
        return value if isinstance(value, dict) else {}


class Unanswered(Exception):
    """No answer came, or only a part of one.

    Attributes:
        kind: `timeout`, `cut` (the connection ended too soon), or `unreachable`.
        seconds: the time limit.
        what: the request, such as "POST /chat/completions".
    """

    def __init__(self, kind: str, what: str, seconds: float) -> None:
        super().__init__(kind)
        self.kind, self.what, self.seconds = kind, what, seconds


class Refused(Exception):
    """An error answer with another cause than the feature that the check tries.

    Attributes:
        answer: the answer.
        what: the request, such as "POST /chat/completions".
    """

    def __init__(self, answer: Answer, what: str) -> None:
        super().__init__(what)
        self.answer, self.what = answer, what


class OutOfTime(Exception):
    """The time for the whole examination is used up."""


@dataclass(slots=True)
class Caller:
    """Sends requests to one endpoint over persistent connections.

    Args:
        url: its address.
        proxy: the proxy in front of it; empty for none.
        trust: the trusted certificates; None for plain http.
        timeout: the time limit for an answer, in seconds.
        deadline: the time limit for all requests, on the clock of `time.monotonic`.
    """

    url: str
    proxy: str
    trust: ssl.SSLContext | None
    timeout: float
    deadline: float
    calls: int = 0
    _client: httpx.Client = field(init=False, repr=False)
    _counting: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        trust = self.trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one without trusted certificates
        # The proxy and the certificates are known, so httpx need not read the environment.
        self._client = httpx.Client(verify=trust, proxy=self.proxy or None, trust_env=False)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: Any = None, *, partly: bool = False
    ) -> Answer:
        """Send one request and read its answer.

        Args:
            partly: return an answer that breaks off, with `broken` set, in place of an error.

        Raises:
            Unanswered: when no answer comes in time, or it breaks off.
            OutOfTime: when the deadline has passed.
        """
        wait = min(self.timeout, self.deadline - time.monotonic())
        if wait <= 0:
            raise OutOfTime
        what = f"{method} {path.partition('?')[0]}"
        with self._counting:  # several threads may send at once
            self.calls += 1
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "user-agent": "cookbook-doctor", **headers}
        reading = _Reading(time.monotonic(), wait)
        try:
            stream = self._client.stream(method, self.url + path, headers=headers, content=content, timeout=wait)
            with stream as response:
                return reading.read(response)
        except httpx.HTTPError as error:
            if partly and reading.status and not isinstance(error, httpx.TimeoutException):
                return reading.answer(broken=True)
            raise Unanswered(_kind(error), what, wait) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _Reading:
    """An answer while it arrives."""

    def __init__(self, began: float, wait: float) -> None:
        self.began, self.wait = began, wait
        self.status, self.headers = 0, {}
        self.parts: list[bytes] = []
        self.arrivals: list[float] = []

    def read(self, response: httpx.Response) -> Answer:
        self.status, self.headers = response.status_code, dict(response.headers)
        for part in response.iter_bytes():
            self.parts.append(part)
            self.arrivals.append(time.monotonic() - self.began)
            if self.arrivals[-1] > self.wait:  # an endless answer, of which each part arrives in time
                raise httpx.ReadTimeout("")
            if sum(map(len, self.parts)) > _LARGEST:
                return self.answer(broken=True)
        return self.answer()

    def answer(self, broken: bool = False) -> Answer:
        text = b"".join(self.parts).decode("utf-8", "replace")
        seconds = time.monotonic() - self.began
        return Answer(self.status, self.headers, text, seconds, tuple(self.arrivals), broken)


def _kind(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.ConnectError | httpx.ProxyError) else "cut"
