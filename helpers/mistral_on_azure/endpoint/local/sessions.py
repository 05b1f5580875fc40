"""Sessions: the quotas, faults, script and journal of one key.

Keys share no state. Notebooks that run side by side on one server get one key each, so that none of them sees the
quota, faults or exchanges of another.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mistral_on_azure.azure.masking import masked_header, masked_query
from mistral_on_azure.endpoint import KEPT
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.local.faults import Faults
from mistral_on_azure.endpoint.local.timing import OFF, Setting, setting
from mistral_on_azure.endpoint.models.script_layers import SessionScript
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, fields, joined, size_of

LIMITS = {"requests_per_minute": "requests", "tokens_per_minute": "tokens"}  # fields of a session and of `Limits`
KEPT_BYTES = 64 * 1024  # bytes for each exchange of a journal; all share them, so that one may take more


class Journal:
    """The last exchanges of a session, oldest first, limited in number and bytes.

    Args:
        kept: number of exchanges.
    """

    def __init__(self, kept: int) -> None:
        self._ring: deque[tuple[float, Request, Answer, int]] = deque()
        self._kept, self._most, self._bytes = kept, kept * KEPT_BYTES, 0

    def add(self, at: float, request: Request, answer: Answer) -> None:
        """Add an exchange, and drop the oldest ones that exceed the limits. The newest one is kept at any size.

        Args:
            at: monotonic seconds.
        """
        ring, size = self._ring, len(request.body) + len(answer.body)
        if answer.events:
            size += size_of(answer.events)
        ring.append((at, request, answer, size))
        if len(ring) > self._kept:
            size -= ring.popleft()[3]
        self._bytes += size
        while self._bytes > self._most and len(ring) > 1:
            self._bytes -= ring.popleft()[3]

    def last(self, how_many: int) -> list[dict[str, Any]]:
        """The last exchanges as JSON data, with credentials masked. `at` is in monotonic seconds of the server."""
        return [_describe(*exchange[:3]) for exchange in list(self._ring)[-how_many:]]


def _describe(at: float, request: Request, answer: Answer) -> dict[str, Any]:
    sent = joined(answer.events) if answer.events is not None else answer.body
    never_came = answer.cut == 0
    return {
        "at": at,
        "method": request.method,
        "path": request.path,
        "query": masked_query(request.query),
        "headers": {name: masked_header(name, value) for name, value in request.headers.items()},
        "body": request.body.decode("utf-8", "replace"),
        "status": None if never_came else answer.status,
        "answer_headers": {} if never_came else fields(answer.headers),
        "answer": sent[: answer.cut].decode("utf-8", "replace"),
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "note": answer.note,
    }


_BEARER = "Bearer "


class Session:
    """The state of one key.

    Args:
        new_quota: makes the quota of a deployment from its limits.
        limits: the quota of each deployment.
        timing: the pace of responses.
        kept: number of exchanges in the journal.

    Attributes:
        identity_secret: the value of `X-IDENTITY-HEADER` that the token service requires; it is not the key.
        object_id: the identity in tokens that are issued for this session.
        deployment: the deployment that answers when a request names none; None is the server's default.
        script: the session's own exchanges.
        token_lifetime: lifetime of its tokens in seconds; None is the server's default.
        calls: number of requests, without those to the routes under `/local`.
        prompt_tokens: prompt tokens of all completions; `completion_tokens` likewise.
    """

    def __init__(self, new_quota: Callable[[Limits], Quota], limits: Limits, timing: Setting, kept: int) -> None:
        self._new_quota, self._limits, self.timing = new_quota, limits, timing
        self._chosen: dict[str, int | None] = {}
        self.journal, self.faults, self.script = Journal(kept), Faults(), SessionScript()
        self.identity_secret, self.object_id = secrets.token_hex(16), secrets.token_hex(16)
        self.deployment: str | None = None
        self.token_lifetime: int | None = None
        self.calls = self.prompt_tokens = self.completion_tokens = 0
        self._quotas: dict[str, Quota] = {}

    def note(self, request: Request, answer: Answer) -> None:
        """Count a request and add it to the journal, unless its route is one under `/local`."""
        if not request.path.startswith("/local/"):
            self.calls += 1
            self.journal.add(time.monotonic(), request, answer)

    def spend(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Add the tokens of a completion to the session's totals."""
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def quota(self, deployment: str) -> Quota:
        """The quota of one deployment, made with the first request to it."""
        quota = self._quotas.get(deployment)
        if quota is None:
            chosen = {LIMITS[name]: value for name, value in self._chosen.items() if value is not None}
            quota = self._quotas[deployment] = self._new_quota(replace(self._limits, **chosen))
        return quota

    def pace(self, header: str | None) -> Setting:
        """The timing of a request's header, else that of the session."""
        return self.timing if header is None else setting(header)

    def limit(self, chosen: Mapping[str, int | None]) -> None:
        """Set new limits for all deployments, with full quotas.

        Args:
            chosen: limits by the names in `LIMITS`; None restores the server's limit. If empty, nothing changes.
        """
        if chosen:
            self._chosen |= chosen
            self._quotas.clear()


class Sessions:
    """The sessions by key, by identity secret and by object id. Keys and secrets are stored as digests only.

    Args:
        keys: the keys that are accepted.
        limits: the quota of each deployment, for each key.
        clock: returns monotonic seconds.
        timing: the pace of responses in new sessions.
        kept: number of exchanges in each journal.

    Attributes:
        new_quota: makes the quota of one deployment for one key; `Service` takes it from the kind of deployment.
    """

    def __init__(
        self,
        keys: Iterable[str],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        timing: Setting = OFF,
        kept: int = KEPT,
    ) -> None:
        self.new_quota: Callable[[Limits, Callable[[], float]], Quota] = Quota
        self._new = partial(Session, lambda limits: self.new_quota(limits, clock), limits or Limits(), timing, kept)
        self._by_header = {_digest(_BEARER + key): self._new() for key in keys}
        self._by_secret = {_digest(session.identity_secret): session for session in self._by_header.values()}
        self._by_object = {session.object_id: session for session in self._by_header.values()}

    def renew(self, session: Session) -> Session:
        """Replace a session by a new one, which keeps only its key, its identity and `refused_ever`.

        Requests that are still in work belong to the old session and do not appear in the new one's journal.
        """
        new = self._new()
        new.identity_secret, new.object_id = session.identity_secret, session.object_id
        new.script.refused_ever = session.script.refused_ever
        for known in (self._by_header, self._by_secret, self._by_object):
            for name, each in known.items():
                if each is session:
                    known[name] = new
        return new

    def of_header(self, authorization: str, known: dict[str, Any]) -> Session | None:
        """The session of an `Authorization` header `Bearer KEY`, if the key is known.

        Digests are compared, so that the time of the lookup does not reveal how much of a guessed key is right.

        Args:
            known: keeps the digest for further requests with the same head.
        """
        digest = known.get("digest")
        if digest is None:
            digest = known["digest"] = _digest(authorization)
        return self._by_header.get(digest)

    def of_key(self, key: str) -> Session | None:
        return self._by_header.get(_digest(_BEARER + key))

    def of_identity_secret(self, secret: str) -> Session | None:
        return self._by_secret.get(_digest(secret))

    def of_object(self, object_id: str) -> Session | None:
        return self._by_object.get(object_id)


def _digest(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape")).digest()
