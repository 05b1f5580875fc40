"""The examination of one endpoint: the options, what is known so far, and the requests, limited in time and size."""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.credentials import OF_AN_IDENTITY
from mistral_on_azure.azure.deployments import SERVERLESS, DeploymentKind
from mistral_on_azure.azure.http import Response, object_of
from mistral_on_azure.azure.masking import Masker

INFO = "/info"
_TIMEOUTS = 8  # the time limit of an examination, in time limits of one answer
_LARGEST = 1024 * 1024  # bytes of an answer that are read


class Status(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    NOTE = "note"  # worth knowing, but no failure
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        found: what was found, in a sentence or less. It contains no credential.
        remedy: what to do; empty when there is nothing to do.
        blocks: whether checks that need this one are skipped.
        waits_for: for a skipped check, the name of the check that failed.
    """

    status: Status
    found: str
    remedy: str = ""
    blocks: bool = False
    waits_for: str = ""


def ok(found: str) -> Finding:
    """A finding without anything to do."""
    return Finding(Status.OK, found)


def note(found: str, remedy: str = "") -> Finding:
    """A finding worth knowing, such as a feature that an engine lacks."""
    return Finding(Status.NOTE, found, remedy)


def fails(found: str, remedy: str, *, goes_on: bool = False) -> Finding:
    """A failure. With `goes_on`, the checks that need this one are performed nevertheless."""
    return Finding(Status.FAILS, found, remedy, blocks=not goes_on)


def skipped(why: str) -> Finding:
    """A check that does not apply to this endpoint."""
    return Finding(Status.SKIPPED, why)


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
        return object_of(self.text)


@dataclass(eq=False)
class Unanswered(Exception):
    """No answer came, or only a part of one.

    Attributes:
        why: the exception of the HTTP client.
        what: the request, such as "POST /chat/completions".
        seconds: the time limit.
    """

    why: httpx.HTTPError
    what: str
    seconds: float


@dataclass(eq=False)
class Refused(Exception):
    """An error answer with another cause than the feature that the check tries.

    Attributes:
        what: the request, such as "POST /chat/completions".
    """

    answer: Answer
    what: str


class OutOfTime(Exception):
    """The time for the whole examination is used up."""


@dataclass
class Examination:
    """One endpoint and what is known about it.

    Attributes:
        given: the endpoint's address, as the user wrote it.
        source: the environment variable or option that holds the address.
        credential: the key or token, as the user wrote it; None means Microsoft Entra ID.
        deployment: the deployment's name from the options; empty for any.
        timeout: the time limit of each wait, in seconds.
        url: the corrected address; empty until it is known.
        kind: the kind of deployment; serverless until another is known.
        proxy: the proxy in front of the endpoint; empty for none.
        trust: the trusted certificates; None for plain http.
        bearer: the corrected credential.
        is_token: whether the credential is a Microsoft Entra ID token and not a key.
        by_api_key: whether the endpoint accepts the key only in the header `api-key`.
        route: the chat route that answers, with its query.
        first: the first completion.
        last: the last completion.
        model: the `model` of requests; empty for none.
        throttled: the check whose request was answered 429; empty while there is none.
    """

    given: str
    source: str = ENDPOINT
    credential: str | None = field(default=None, repr=False)
    deployment: str = ""
    timeout: float = 15.0
    url: str = ""
    kind: DeploymentKind = SERVERLESS
    proxy: str = field(default="", repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)
    bearer: str = field(default="", repr=False)
    is_token: bool = False
    by_api_key: bool = False
    route: str = ""
    first: Answer | None = None
    last: Answer | None = None
    model: str = ""
    throttled: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    began: float = field(default_factory=time.monotonic)
    _sent: list[str] = field(default_factory=list, repr=False)
    _seen: dict[tuple[str, ...], Answer] = field(default_factory=dict, repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def models_path(self) -> str:
        """The path of the OpenAI-compatible list of models."""
        return f"{self.kind.openai_path}/models"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")

    @property
    def wait(self) -> float:
        """The time limit of the next wait, in seconds."""
        return max(0.1, min(self.timeout, self._deadline - time.monotonic()))

    @property
    def calls(self) -> int:
        return len(self._sent)

    @property
    def secrets(self) -> list[str]:
        """Credentials and passwords to mask in everything that is printed."""
        parts = urlsplit(self.proxy)
        known = (self.credential, self.bearer, parts.password, *map(os.environ.get, OF_AN_IDENTITY))
        return [secret for secret in known if secret]

    @cached_property
    def _client(self) -> httpx.Client:
        """The HTTP client. It has the proxy and the certificates that the checks found, and keeps connections open."""
        trust = self.trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one without trusted certificates
        about = {"user-agent": "cookbook-doctor"}
        return httpx.Client(headers=about, verify=trust, proxy=self.proxy or None, trust_env=False)

    def send(self, method: str, path: str, headers: dict[str, str], body: Any = None, partly: bool = False) -> Answer:
        """Send a request and read its answer, in which a credential is masked. Several threads may send at once.

        Args:
            partly: return an answer that breaks off, with `broken` set, in place of an error.

        Raises:
            Unanswered: when no answer comes in time, or it breaks off.
            OutOfTime: when the time for the examination has passed.
        """
        began, wait = time.monotonic(), self.wait
        if began >= self._deadline:
            raise OutOfTime
        what = f"{method} {path.partition('?')[0]}"
        self._sent.append(what)
        response, parts, arrivals, broken = None, [], [], False
        try:
            stream = self._client.stream(method, self.url + path, headers=headers, json=body, timeout=wait)
            with stream as response:
                for part in response.iter_bytes():
                    parts.append(part)
                    arrivals.append(time.monotonic() - began)
                    if arrivals[-1] > wait:  # an endless answer, of which each part arrives in time
                        raise httpx.ReadTimeout("")
                    if broken := sum(map(len, parts)) > _LARGEST:
                        break
        except httpx.HTTPError as error:
            if not partly or response is None or isinstance(error, httpx.TimeoutException):
                raise Unanswered(error, what, wait) from None
            broken = True
        seconds, mask = time.monotonic() - began, Masker(self.secrets).text
        text = mask(b"".join(parts).decode("utf-8", "replace"))
        masked = {name: mask(value) for name, value in response.headers.items()}
        return Answer(response.status_code, masked, text, seconds, tuple(arrivals), broken)

    def get(self, path: str, *, anonymous: bool = False) -> Answer:
        """GET a path. The second time, with the same credential, the first answer is returned without a request."""
        headers = {} if anonymous else self.authorization
        key = (path, *headers)
        if key not in self._seen:
            self._seen[key] = self.send("GET", path, headers)
        return self._seen[key]

    def seen(self, path: str) -> Answer:
        """The answer of an earlier `get` with the credential; one with the status 0 if there was none."""
        return self._seen.get((path, *self.authorization), Answer(0, {}, ""))

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None, **how: bool) -> Answer:
        """POST a body, and count the tokens that the answer used."""
        answer = self.send("POST", path, {**self.authorization, **(headers or {})}, body, **how)
        self.count(answer.body.get("usage"))
        return answer

    def count(self, usage: Any) -> None:
        """Add the tokens of a `usage`, which may be any JSON value."""
        self.prompt_tokens += tokens_in(usage, "prompt_tokens") or 0
        self.completion_tokens += tokens_in(usage, "completion_tokens") or 0

    @property
    def authorization(self) -> dict[str, str]:
        return {"api-key": self.bearer} if self.by_api_key else {"authorization": f"Bearer {self.bearer}"}

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    @property
    def _deadline(self) -> float:
        return self.began + _TIMEOUTS * self.timeout


def tokens_in(usage: Any, name: str) -> int | None:
    """The count with this name in a `usage`; None where it is missing."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None
