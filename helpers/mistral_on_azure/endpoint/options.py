"""The options with which the local endpoint starts, from `cookbook serve` or a parent process.

`cookbook run` imports this file to check its own options before it starts an endpoint. So this file imports neither
the server nor a model; `server_process` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mistral_on_azure.azure.deployments import kind_named
from mistral_on_azure.endpoint import KEPT
from mistral_on_azure.endpoint.gateway.foundry import Foundry
from mistral_on_azure.endpoint.gateway.kinds import GONE, Kind, SoldModels
from mistral_on_azure.endpoint.gateway.managed import Managed
from mistral_on_azure.endpoint.gateway.serverless import Serverless
from mistral_on_azure.errors import CookbookError


@dataclass(frozen=True, slots=True)
class Options:
    """The options. A parent process writes them as a JSON object to COOKBOOK_LOCAL_OPTIONS.

    Attributes:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        deployment: the deployment that answers when a request names none; None is the first one of the kind.
        requests_per_minute: the quota of each deployment, for each key.
        tokens_per_minute: the same for tokens; None is 200,000, and 400,000 on a Foundry resource.
        minute: length of the quota's minute in seconds; a shorter one refills the quota sooner.
        timing: the pace of responses: `off`, `imitate`, or `first-token=0.2; tokens-per-second=50`.
        token_lifetime: lifetime of a Microsoft Entra ID token in seconds.
        kind: the kind of deployment to imitate, one of `KINDS`.
        concurrent: on managed compute, `max_concurrent_requests_per_instance`.
        instances: on managed compute, the number of instances.
        without_models: on a Foundry resource, leave out the deprecated route /models.
        as_of: a date such as 2025-12-01: the models that were sold on that day; empty for those sold today.
        retired: the status for a retired model, 410 or 404.
        allow_host: host names that requests may be addressed to, besides loopback names and the address itself.
        allow_origin: origins of browser pages that may use the endpoint, such as http://localhost:3000.
        request_timeout_ms: on managed compute, milliseconds that a response without streaming may take.
        strict_model: on serverless, refuse a `model` that is not the name of a deployment.
        script: the user's script files, which go before the cookbook's own script.
        recipes: TOML files of recipes outside the cookbook, which go before those of the cookbook's recipes.
        strict: refuse prompts that neither `script` nor a session's own exchanges have.
        exchanges: how many of a key's last exchanges the journal keeps.
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


_OF_KINDS = {  # the kinds on which an option has an effect
    "concurrent": ("managed",),
    "instances": ("managed",),
    "request_timeout_ms": ("managed",),
    "without_models": ("foundry",),
    "as_of": ("serverless", "foundry"),
    "retired": ("serverless", "foundry"),
    "strict_model": ("serverless",),
    "engine": ("serverless", "foundry"),  # on managed compute, the container and its engine are imitated together
}


def kind_of(options: Options) -> Kind:
    """The kind of deployment that the options describe.

    Raises:
        CookbookError: for an unknown kind, an option that this kind does not have, or a limit below 1.
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


def _sold(options: Options) -> SoldModels:
    """The models that are sold per token on this kind of deployment.

    Raises:
        CookbookError: for `as_of` that is not a date, or `retired` that is neither 410 nor 404.
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
    "managed": lambda options: Managed(options.concurrent, options.instances, options.request_timeout_ms),
    "foundry": lambda options: Foundry(options.without_models, _sold(options)),
}
