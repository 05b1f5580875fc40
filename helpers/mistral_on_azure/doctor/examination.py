"""An examination: what was asked for, and the findings of the checks so far.

A finding is one of four verdicts, what was seen, and what to do about it.
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
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.azure.withholding import OF_AN_IDENTITY
from mistral_on_azure.doctor.calling import Answer, Caller


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing is broken
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check.

    Attributes:
        found: what was seen, in a sentence or less. Never a credential.
        remedy: what to do, empty where nothing needs doing.
        blocks: checks that need this one are skipped.
        waits_for: the check that failed, for one that was skipped because of it.
    """

    status: Status
    found: str
    remedy: str = ""
    blocks: bool = False
    waits_for: str = ""


def ok(found: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, found)


def note(found: str, remedy: str = "") -> Finding:
    """Worth knowing, such as something that an engine does not have."""
    return Finding(Status.NOTE, found, remedy)


def fails(found: str, remedy: str, *, goes_on: bool = False) -> Finding:
    """Something to mend. With `goes_on`, the checks that need this one can look on all the same."""
    return Finding(Status.FAILS, found, remedy, blocks=not goes_on)


def skipped(why: str) -> Finding:
    """There was nothing to look at here."""
    return Finding(Status.SKIPPED, why)


def waiting(check: str) -> Finding:
    """This could not be looked at, because another check failed."""
    return Finding(Status.SKIPPED, f"waits for {check}", blocks=True, waits_for=check)


INFO, MODELS = "/info", "/v1/models"
_TIMEOUTS = 8  # how many answers may take as long as they are allowed to, before the examination ends


@dataclass
class Examination:
    """One endpoint and what is known about it.

    Attributes:
        given: the endpoint's address as it was given.
        source: what gave it: an environment variable or an option.
        credential: the key or token as it was given; None stands for Microsoft Entra ID.
        deployment: the deployment that was asked for, empty for whatever there is.
        timeout: how long each wait may last, in seconds.
        url: the address in its right shape; empty until it is known.
        proxy: the proxy in front of the endpoint, empty for none.
        trust: which certificates are trusted; None for plain http.
        bearer: the credential in its right shape.
        is_token: the credential is a Microsoft Entra ID token, not a key.
        by_api_key: the endpoint takes its key in the header `api-key` only.
        route: the chat route that answers, with its query.
        first: the first completion that came back.
        last: the last one.
        model: what requests name as their model.
        throttled: the check whose request met a used-up quota; empty as long as none did.
    """

    given: str
    source: str = ENDPOINT
    credential: str | None = field(default=None, repr=False)
    deployment: str = ""
    timeout: float = 15.0
    url: str = ""
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
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")

    @property
    def wait(self) -> float:
        """How long the next wait may last, in seconds."""
        return max(0.1, min(self.timeout, self._deadline - time.monotonic()))

    @property
    def calls(self) -> int:
        return self.caller.calls if "caller" in self.__dict__ else 0

    @property
    def secrets(self) -> list[str]:
        """What must not show up in anything that is printed."""
        parts = urlsplit(self.proxy)
        known = (self.credential, self.bearer, parts.password, *map(os.environ.get, OF_AN_IDENTITY))
        return [secret for secret in known if secret]

    @cached_property
    def caller(self) -> Caller:
        """What sends the requests; to be used once the address, the proxy and the certificates are known."""
        return Caller(self.url, self.proxy, self.trust, self.timeout, self._deadline)

    def send(self, method: str, path: str, headers: dict[str, str], body: Any = None, **how: bool) -> Answer:
        """Send a request. A credential that comes back in the answer is masked before anything looks at it."""
        answer = self.caller.send(method, path, headers, body, **how)
        mask = Masker(self.secrets).text
        return replace(answer, text=mask(answer.text), headers={k: mask(v) for k, v in answer.headers.items()})

    def get(self, path: str, *, anonymous: bool = False) -> Answer:
        """GET a path, once; asked again, the same answer comes back."""
        key = f"{path} anonymous" if anonymous else path
        if key not in self._seen:
            self._seen[key] = self.send("GET", path, {} if anonymous else self.authorization)
        return self._seen[key]

    def seen(self, path: str) -> Answer:
        """The answer that `get` has brought back before; one with the status 0 if it has not."""
        return self._seen.get(path, Answer(0, {}, ""))

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None, **how: bool) -> Answer:
        """POST a body, and count the tokens that the answer used."""
        answer = self.send("POST", path, {**self.authorization, **(headers or {})}, body, **how)
        self.count(answer.body.get("usage"))
        return answer

    def count(self, usage: Any) -> None:
        """Add the usage that an answer states."""
        prompt, completion = (tokens_in(usage, name) or 0 for name in ("prompt_tokens", "completion_tokens"))
        self.prompt_tokens += prompt
        self.completion_tokens += completion

    @property
    def authorization(self) -> dict[str, str]:
        return {"api-key": self.bearer} if self.by_api_key else {"authorization": f"Bearer {self.bearer}"}

    def forget(self) -> None:
        """Forget the answers to `get`, because the next ones will be different."""
        self._seen.clear()

    def close(self) -> None:
        """Close the connections."""
        if "caller" in self.__dict__:
            self.caller.close()

    @property
    def _deadline(self) -> float:
        return self.began + _TIMEOUTS * self.timeout


def tokens_in(usage: Any, name: str) -> int | None:
    """A count of a usage, None where it does not say."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None
