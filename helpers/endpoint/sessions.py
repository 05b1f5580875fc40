"""Sessions: all that the endpoint keeps for one key. Each key is a virtual endpoint of its own.

Notebooks that run side by side on one server get a key each, so that none meets the other's quota, faults or
exchanges.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable

from helpers.endpoint.faults import Faults
from helpers.endpoint.journal import Journal
from helpers.endpoint.quota import Limits, Quota
from helpers.endpoint.timing import OFF, Setting

_BEARER = "Bearer "


class Session:
    """One key's journal, faults and quotas.

    Attributes:
        identity_secret: what the token service wants in `X-IDENTITY-HEADER`, a different secret from the key.
        object_id: who the session is in a token.
        deployment: what this key's endpoint serves when a request names nothing; None is the server's default.
        timing: the pace of its answers.
        token_lifetime: how long its tokens are good for, in seconds; None is the server's choice.
        calls: requests answered, but for the endpoint's own routes.
        prompt_tokens: in all completions; completion_tokens likewise.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float], timing: Setting = OFF) -> None:
        self.limits, self.clock = limits, clock
        self.timing = timing
        self.journal, self.faults = Journal(), Faults()
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
            quota = self._quotas[deployment] = Quota(self.limits, self.clock)
        return quota


class Sessions:
    """Sessions by key, by identity secret and by object id; only digests of secrets are kept as names.

    Args:
        keys: the keys that are accepted.
        limits: the quota of each deployment, for each key.
        clock: seconds, monotonic.
        timing: the pace of answers where nobody asks for another.
    """

    def __init__(
        self,
        keys: Iterable[str],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        timing: Setting = OFF,
    ) -> None:
        limits = limits or Limits()
        self._by_header = {_digest(_BEARER + key): Session(limits, clock, timing) for key in keys}
        self._by_secret = {_digest(session.identity_secret): session for session in self._by_header.values()}
        self._by_object = {session.object_id: session for session in self._by_header.values()}

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
