"""Sessions: all that the endpoint keeps for one key, its quotas, its faults and a journal of its last exchanges.

Each key is a virtual endpoint of its own. Notebooks that run side by side on one server get a key each, so that none
meets the other's quota, faults or exchanges.
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
from mistral_on_azure.endpoint.local.timing import OFF, Setting
from mistral_on_azure.endpoint.models.script_layers import SessionScript
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, fields

LIMITS = {"requests_per_minute": "requests", "tokens_per_minute": "tokens"}  # what a session calls fields of `Limits`
KEPT_BYTES = 64 * 1024  # of what was sent and answered, for each exchange; one may take the room of others


class Journal:
    """The last exchanges, oldest first, for the wire view. A bounded ring, so it never grows."""

    def __init__(self, kept: int = KEPT) -> None:
        self._ring: deque[tuple[float, Request, Answer, int]] = deque()
        self._kept, self._bytes = kept, 0

    def add(self, at: float, request: Request, answer: Answer) -> None:
        """Keep an exchange, and let go of the oldest ones that there is no more room for. The last one always stays."""
        ring, size = self._ring, len(request.body) + _size(answer)
        ring.append((at, request, answer, size))
        self._bytes += size
        while len(ring) > self._kept or (self._bytes > self._kept * KEPT_BYTES and len(ring) > 1):
            self._bytes -= ring.popleft()[3]

    def last(self, how_many: int) -> list[dict[str, Any]]:
        """The last exchanges as plain data, credentials masked. `at` is in seconds of the server's clock."""
        return [_describe(*exchange[:3]) for exchange in list(self._ring)[-how_many:]]


def _size(answer: Answer) -> int:
    """Bytes of an answer."""
    return sum(map(len, answer.events)) if answer.events else len(answer.body)


def _describe(at: float, request: Request, answer: Answer) -> dict[str, Any]:
    sent = b"".join(answer.events) if answer.events is not None else answer.body
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
    """One key's journal, faults and quotas.

    Attributes:
        identity_secret: what the token service wants in `X-IDENTITY-HEADER`, a different secret from the key.
        object_id: who the session is in a token.
        deployment: what this key's endpoint serves when a request names nothing; None is the server's default.
        script: what it adds to the script.
        timing: the pace of its answers.
        token_lifetime: how long its tokens are good for, in seconds; None is the server's choice.
        calls: requests answered, but for the endpoint's own routes.
        prompt_tokens: in all completions; completion_tokens likewise.
    """

    def __init__(
        self,
        new_quota: Callable[[Limits], Quota],
        limits: Limits | None = None,
        timing: Setting = OFF,
        kept: int = KEPT,
    ) -> None:
        self._new_quota, self._limits, self.timing = new_quota, limits or Limits(), timing
        self._chosen: dict[str, int | None] = {}
        self.journal, self.faults, self.script = Journal(kept), Faults(), SessionScript()
        self.identity_secret, self.object_id = secrets.token_hex(16), secrets.token_hex(16)
        self.deployment: str | None = None
        self.token_lifetime: int | None = None
        self.calls = self.prompt_tokens = self.completion_tokens = 0
        self._quotas: dict[str, Quota] = {}

    def spend(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count the tokens of an answer."""
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def quota(self, deployment: str) -> Quota:
        """What is left to one deployment in this session."""
        quota = self._quotas.get(deployment)
        if quota is None:
            chosen = {LIMITS[name]: value for name, value in self._chosen.items() if value is not None}
            quota = self._quotas[deployment] = self._new_quota(replace(self._limits, **chosen))
        return quota

    def limit(self, chosen: Mapping[str, int | None]) -> None:
        """Choose the quota of each deployment, which begins anew: by the names in `LIMITS`, None for the server's."""
        if chosen:
            self._chosen |= chosen
            self._quotas.clear()


class Sessions:
    """Sessions by key, by identity secret and by object id; only digests of secrets are kept as names.

    Args:
        keys: the keys that are accepted.
        limits: the quota of each deployment, for each key.
        clock: seconds, monotonic.
        timing: the pace of answers where nobody asks for another.
        quota: makes the quota of one deployment for one key, as the kind of deployment has it.
        kept: how many exchanges each journal keeps.
    """

    def __init__(
        self,
        keys: Iterable[str],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        timing: Setting = OFF,
        quota: Callable[[Limits, Callable[[], float]], Quota] = Quota,
        kept: int = KEPT,
    ) -> None:
        self._new = partial(Session, lambda limits: quota(limits, clock), limits, timing, kept)
        self._by_header = {_digest(_BEARER + key): self._new() for key in keys}
        self._by_secret = {_digest(session.identity_secret): session for session in self._by_header.values()}
        self._by_object = {session.object_id: session for session in self._by_header.values()}

    def renew(self, session: Session) -> Session:
        """Put a new session in the place of one, with its key, its identity and its refusals, and nothing else of it.

        What is still being answered in the old one leaves no trace in the new one.
        """
        new = self._new()
        new.identity_secret, new.object_id = session.identity_secret, session.object_id
        new.script.refused_ever = session.script.refused_ever
        for known in (self._by_header, self._by_secret, self._by_object):
            for name, each in known.items():
                if each is session:
                    known[name] = new
        return new

    def of_header(self, authorization: str) -> Session | None:
        """The session of an `Authorization` header with a key, as clients write it.

        Looking up a digest takes the same time whatever part of a key is right.
        """
        return self._by_header.get(_digest(authorization))

    def of_key(self, key: str) -> Session | None:
        return self.of_header(_BEARER + key)

    def of_identity_secret(self, secret: str) -> Session | None:
        return self._by_secret.get(_digest(secret))

    def of_object(self, object_id: str) -> Session | None:
        return self._by_object.get(object_id)


def _digest(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape")).digest()
