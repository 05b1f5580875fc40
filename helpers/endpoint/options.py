"""What can be chosen when the endpoint starts, by `cookbook serve` or by a parent process."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.deployments import deployments
from helpers.endpoint import quota, timing
from helpers.endpoint.engines.real_model import RealModel
from helpers.endpoint.errors import ApiError
from helpers.endpoint.server import Server
from helpers.endpoint.sessions import Sessions
from helpers.errors import CookbookError


@dataclass(frozen=True, slots=True)
class Options:
    """The choices. As a JSON object they go into the environment variable COOKBOOK_LOCAL_OPTIONS.

    Attributes:
        host: the address to listen on.
        port: 0 takes a free one.
        deployment: the one that answers when a request names none; None is the cookbook's.
        requests_per_minute: the quota of each deployment, for each key.
        tokens_per_minute: likewise.
        timing: `off`, `imitate`, or as `timing` says.
        token_lifetime: of a Microsoft Entra ID token, in seconds.
        engine: a real language model instead of the script: "embedded", or the address of an OpenAI-compatible server.
    """

    host: str = "127.0.0.1"
    port: int = 0
    deployment: str | None = None
    requests_per_minute: int = 1_000
    tokens_per_minute: int = 200_000
    timing: str = "off"
    token_lifetime: int = 3600
    engine: str | None = None


def make(keys: Sequence[str], options: Options) -> Server:
    """A server that listens as it was asked to.

    Raises:
        CookbookError: for a port that is taken, or a choice that does not exist.
    """
    if options.deployment is not None and options.deployment not in deployments():
        raise CookbookError(
            f"There is no deployment {options.deployment!r}. Choose one of: {', '.join(deployments())}."
        )
    if min(options.requests_per_minute, options.tokens_per_minute, options.token_lifetime) < 1:
        raise CookbookError("Requests and tokens a minute, and the lifetime of a token, are at least 1.")
    try:
        pace = timing.setting(options.timing)
    except ApiError as error:
        raise CookbookError(error.message) from None
    limits = quota.Limits(options.requests_per_minute, options.tokens_per_minute)
    sessions = Sessions(keys, limits, timing=pace)
    try:
        return Server(
            sessions, options.host, options.port, options.deployment, options.token_lifetime, model=_model(options)
        )
    except OSError as error:
        port = options.port and error.errno in (errno.EADDRINUSE, errno.EACCES)
        where, option = (f"Port {options.port}", "--port") if port else (f"The address {options.host}", "--host")
        raise CookbookError(f"{where} cannot be used ({error.strerror}). Choose another with {option}.") from None


def _model(options: Options) -> RealModel | None:
    if options.engine is None:
        return None
    from helpers.endpoint.engines.choosing import choose  # only where there is an engine to choose

    return choose(options.engine)
