"""What can be chosen when the endpoint starts, by `cookbook serve` or by a parent process.

A run reads this to check its own options, so it does not import the endpoint, which `making` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mistral_on_azure.azure.deployment_kinds import kind_named
from mistral_on_azure.endpoint import KEPT
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import Serverless
from mistral_on_azure.endpoint.gateway.sold_models import GONE, SoldModels
from mistral_on_azure.errors import CookbookError


@dataclass(frozen=True, slots=True)
class Options:
    """The choices. As a JSON object they go into the environment variable COOKBOOK_LOCAL_OPTIONS.

    Attributes:
        host: the address to listen on.
        port: 0 takes a free one.
        deployment: the one that answers when a request names none; None is the cookbook's.
        requests_per_minute: the quota of each deployment, for each key.
        tokens_per_minute: likewise; None is 200,000, and 400,000 on a Foundry resource.
        minute: the seconds that a minute of the quota takes.
        timing: `off`, `imitate`, or as `timing` says.
        token_lifetime: of a Microsoft Entra ID token, in seconds.
        kind: the kind of deployment that is imitated, one of `KINDS`.
        concurrent: on managed compute, requests at a time for each instance.
        instances: on managed compute, how many instances there are.
        without_models: on a Foundry resource, the route /models is gone, as it is deprecated.
        as_of: the day whose models are sold, as 2025-12-01; empty for those of the table of models.
        retired: the status of retired models, 410 or 404.
        allow_host: names of hosts that requests may be addressed to, beside those of loopback and the address itself.
        allow_origin: origins of browser pages that may use the endpoint, such as http://localhost:3000.
        request_timeout_ms: on managed compute, how long a whole answer may take.
        strict_model: on serverless, refuse a `model` that is no deployment's name.
        script: files of one's own with answers, which are asked before the cookbook's.
        recipes: TOML files of recipes that lie elsewhere, which are asked before those of the cookbook.
        strict: only these and the sessions' own answer; another prompt is an error.
        exchanges: how many of a key's last exchanges can be looked at.
        engine: a real language model instead of the script: "embedded", or the address of an OpenAI-compatible server.
    """

    host: str = "127.0.0.1"
    port: int = 0
    deployment: str | None = None
    requests_per_minute: int = 1_000
    tokens_per_minute: int | None = None
    minute: float = 60.0
    timing: str = "off"
    token_lifetime: int = 3600
    kind: str = "serverless"
    concurrent: int = 1
    instances: int = 1
    without_models: bool = False
    as_of: str = ""
    retired: int = 410
    request_timeout_ms: int = 5_000
    strict_model: bool = False
    script: Sequence[str | Path] = ()
    recipes: Sequence[str | Path] = ()
    strict: bool = False
    exchanges: int = KEPT
    engine: str | None = None
    allow_host: Sequence[str] = ()
    allow_origin: Sequence[str] = ()


_OF_KINDS = {  # options that have no effect on other kinds
    "concurrent": ("managed",),
    "instances": ("managed",),
    "request_timeout_ms": ("managed",),
    "without_models": ("foundry",),
    "as_of": ("serverless", "foundry"),
    "retired": ("serverless", "foundry"),
    "strict_model": ("serverless",),
    "engine": ("serverless", "foundry"),  # the container of managed compute is imitated with its own engine
}


def kind_of(options: Options) -> Kind:
    """The kind of deployment.

    Raises:
        CookbookError: for one that there is not, or limits below 1.
    """
    kind_named(options.kind)
    usual = Options()
    for name, kinds in _OF_KINDS.items():
        if options.kind not in kinds and getattr(options, name) != getattr(usual, name):
            option, where = f"--{name.replace('_', '-')}", " or ".join(kinds)
            raise CookbookError(f"{option} is for --kind {where}, not for {options.kind}: leave it out.")
    if min(options.concurrent, options.instances, options.request_timeout_ms) < 1:
        raise CookbookError("Requests at a time, instances and the milliseconds of a request are at least 1.")
    return KINDS[options.kind](options)


def _managed(options: Options) -> Kind:
    from mistral_on_azure.endpoint.gateway.managed import Managed  # with pydantic, which takes a while to import

    return Managed(options.concurrent, options.instances, options.request_timeout_ms)


def _foundry(options: Options) -> Kind:
    from mistral_on_azure.endpoint.gateway.foundry import Foundry

    return Foundry(options.without_models, _sold(options))


def _sold(options: Options) -> SoldModels:
    """The models that the kind sells.

    Raises:
        CookbookError: for what is no day, and for a status that no page names.
    """
    if options.retired not in GONE:
        raise CookbookError(f"A retired model answers {' or '.join(map(str, GONE))}, not {options.retired}.")
    try:
        day = date.fromisoformat(options.as_of) if options.as_of else None
    except ValueError:
        raise CookbookError(f"A day is written as 2025-12-01, not {options.as_of!r}.") from None
    return SoldModels(options.kind, day, options.retired)


KINDS: dict[str, Callable[[Options], Kind]] = {
    "serverless": lambda options: Serverless(options.strict_model, _sold(options)),
    "managed": _managed,
    "foundry": _foundry,
}
