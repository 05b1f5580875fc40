"""The examination of one endpoint: the options, and what is known so far.

A finding has one of four statuses, a sentence on what was found, and a remedy.
"""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.credentials import OF_AN_IDENTITY
from mistral_on_azure.azure.deployments import SERVERLESS, DeploymentKind
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.doctor.calling import Answer, Caller


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


def waiting(check: str) -> Finding:
    """A check that is skipped because another one failed."""
    return Finding(Status.SKIPPED, f"waits for {check}", blocks=True, waits_for=check)


INFO = "/info"
_TIMEOUTS = 8  # the time limit of an examination, in time limits of one answer


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
    _seen: dict[str, Answer] = field(default_factory=dict, repr=False)

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
        return self.caller.calls if "caller" in self.__dict__ else 0

    @property
    def secrets(self) -> list[str]:
        """Credentials and passwords to mask in everything that is printed."""
        parts = urlsplit(self.proxy)
        known = (self.credential, self.bearer, parts.password, *map(os.environ.get, OF_AN_IDENTITY))
        return [secret for secret in known if secret]

    @cached_property
    def caller(self) -> Caller:
        """Sends the requests. It is made on first use, when the address, the proxy and the certificates are known."""
        return Caller(self.url, self.proxy, self.trust, self.timeout, self._deadline)

    def send(self, method: str, path: str, headers: dict[str, str], body: Any = None, **how: bool) -> Answer:
        """Send a request. A credential in the answer is masked."""
        answer = self.caller.send(method, path, headers, body, **how)
        mask = Masker(self.secrets).text
        return replace(answer, text=mask(answer.text), headers={k: mask(v) for k, v in answer.headers.items()})

    def get(self, path: str, *, anonymous: bool = False) -> Answer:
        """GET a path. The second time, the first answer is returned without a request."""
        key = f"{path} anonymous" if anonymous else path
        if key not in self._seen:
            self._seen[key] = self.send("GET", path, {} if anonymous else self.authorization)
        return self._seen[key]

    def seen(self, path: str) -> Answer:
        """The answer of an earlier `get`; one with the status 0 if there was none."""
        return self._seen.get(path, Answer(0, {}, ""))

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None, **how: bool) -> Answer:
        """POST a body, and count the tokens that the answer used."""
        answer = self.send("POST", path, {**self.authorization, **(headers or {})}, body, **how)
        self.count(answer.body.get("usage"))
        return answer

    def count(self, usage: Any) -> None:
        """Add the tokens of a `usage`, which may be any JSON value."""
        prompt, completion = (tokens_in(usage, name) or 0 for name in ("prompt_tokens", "completion_tokens"))
        self.prompt_tokens += prompt
        self.completion_tokens += completion

    @property
    def authorization(self) -> dict[str, str]:
        return {"api-key": self.bearer} if self.by_api_key else {"authorization": f"Bearer {self.bearer}"}

    def forget(self) -> None:
        """Forget the answers of `get`, because the credential is sent in another header from now on."""
        self._seen.clear()

    def close(self) -> None:
        """Close the connections."""
        if "caller" in self.__dict__:
            self.caller.close()

    @property
    def _deadline(self) -> float:
        return self.began + _TIMEOUTS * self.timeout


def tokens_in(usage: Any, name: str) -> int | None:
    """The count with this name in a `usage`; None where it is missing."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None
