"""Makes the server of the local endpoint from its options, and runs it.

`cookbook serve` calls `serve`. As a program it is the child process of `starting`: the environment variables
COOKBOOK_LOCAL_KEYS (keys, separated by commas) and COOKBOOK_LOCAL_OPTIONS (a JSON object) configure it, and it prints
one line to standard output: its address, or the mistake in the options. It exits when its standard input is closed,
which also happens when the parent process crashes or is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, MODEL, shown, variables_of
from mistral_on_azure.azure.children import MISTAKE
from mistral_on_azure.azure.credentials import check_credential, new_key
from mistral_on_azure.azure.deployments import kind_named
from mistral_on_azure.endpoint import KEYS, OPTIONS
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway import quota
from mistral_on_azure.endpoint.gateway.token_service import TokenService
from mistral_on_azure.endpoint.local import timing
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.models.model import Model
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_model import Script
from mistral_on_azure.endpoint.options import Options, kind_of
from mistral_on_azure.endpoint.server import Deadline, Server, run
from mistral_on_azure.endpoint.transport.listener import HOST, ORIGIN, Callers
from mistral_on_azure.errors import CookbookError


def make(keys: Sequence[str], options: Options) -> Server:
    """Make a server that listens already and answers once it is run.

    Args:
        keys: the keys that it accepts, each with a session of its own.
        options: all other settings.

    Raises:
        CookbookError: for a port that is in use, or an option with a wrong value.
    """
    kind = kind_of(options)
    if options.deployment is not None and options.deployment not in kind.deployments():
        names = ", ".join(kind.deployments())
        raise CookbookError(f"There is no deployment {options.deployment!r}. Choose one of: {names}.")
    tokens = 1 if options.tokens_per_minute is None else options.tokens_per_minute
    if min(options.requests_per_minute, tokens, options.token_lifetime) < 1:
        raise CookbookError("Requests and tokens a minute, and the lifetime of a token, are at least 1.")
    if not 0.1 <= options.minute <= 3_600:
        raise CookbookError("A minute of the quota takes 0.1 to 3,600 seconds.")
    try:
        pace = timing.setting(options.timing)
    except ApiError as error:
        raise CookbookError(error.message) from None
    limits = quota.Limits(options.requests_per_minute, options.tokens_per_minute, options.minute)
    sessions = Sessions(keys, limits, timing=pace, kept=options.exchanges)
    application = Application(sessions, options.deployment, TokenService(options.token_lifetime), _model(options), kind)
    callers = _callers(options)
    try:
        return Server(application, options.host, options.port, callers=callers)
    except OSError as error:
        port = options.port and error.errno in (errno.EADDRINUSE, errno.EACCES)
        where, option = (f"Port {options.port}", "--port") if port else (f"The address {options.host}", "--host")
        raise CookbookError(f"{where} cannot be used ({error.strerror}). Choose another with {option}.") from None


def _callers(options: Options) -> Callers:
    """The hosts and origins that requests may name.

    Raises:
        CookbookError: for a wrong host name or origin.
    """
    for host in options.allow_host:
        if not HOST.fullmatch(host):
            raise CookbookError(f"A host that is allowed is a name such as endpoint.local, not {shown(host)!r}.")
    for origin in options.allow_origin:
        if not ORIGIN.fullmatch(origin):
            raise CookbookError(f"An origin that is allowed reads like http://localhost:3000, not {shown(origin)!r}.")
    return Callers(options.allow_host, options.allow_origin)


def _model(options: Options) -> Model:
    """The model that generates completions: the script, or a real engine.

    Raises:
        CookbookError: for a broken script file, an engine that cannot be used, or options for both.
    """
    if options.engine is None:
        files, recipes = ([Path(file) for file in some] for some in (options.script, options.recipes))
        return Script(ScriptFiles(files, options.strict, recipes=recipes))
    if options.script or options.strict:
        raise CookbookError("An engine does not read a script: leave out either --engine, or --script and --strict.")
    from mistral_on_azure.endpoint.models.engine import choose  # imported here, as few endpoints have an engine

    return choose(options.engine)


def serve(port: int, **options: Any) -> None:
    """Serve in this process until Ctrl-C. The key is that of AZURE_INFERENCE_CREDENTIAL; without one, one is made.

    Args:
        port: 0 takes a free port.
        options: the other fields of `Options`.

    Raises:
        CookbookError: for a port that is in use, an option with a wrong value, or a key that no header can hold.
    """
    key = os.environ.get(CREDENTIAL) or ""  # CI systems set the variable of a missing secret to an empty string
    if key:
        check_credential(key)
    made = "" if key else new_key()
    chosen = Options(port=port, **options)
    server = make([key or made], chosen)
    if made:
        print(f"{CREDENTIAL}={made}", flush=True)

    def tell(url: str) -> None:
        ready = "Ready: the local endpoint listens. Ctrl-C ends it."
        print(f"{ENDPOINT}={url}", ready, *_for_copied_programs(url, chosen), sep="\n", flush=True)

    run(server.run(tell, deadline=Deadline()))


def _for_copied_programs(url: str, options: Options) -> list[str]:
    """Lines to paste for programs without `connect`, where these need more than the endpoint's address and the key."""
    kind = kind_named(options.kind)
    if not kind.azure_path:
        return []
    model = options.deployment or next(iter(kind_of(options).deployments()))
    return [
        f"A program that you copied needs these, and the key; if it sets `model`, set it to {model}:",
        *(f"export {name}={value}" for name, value in variables_of(url, kind).items()),
        f"export {MODEL}={model}",
    ]


def main() -> None:
    keys = os.environ.pop(KEYS).split(",")
    try:
        server = make(keys, Options(**json.loads(os.environ.get(OPTIONS, "{}"))))
    except CookbookError as error:
        print(f"{MISTAKE}{error}", flush=True)
        sys.exit(1)
    run(until_parent_ends(server))


async def until_parent_ends(server: Server) -> None:
    """Serve until this process receives SIGTERM or SIGINT, or its standard input is closed."""
    orphaned, deadline = asyncio.Event(), Deadline()
    loop = asyncio.get_running_loop()
    # A daemon thread: it blocks in `read`, and the interpreter must not wait for it on exit.
    threading.Thread(target=_watch, args=(loop, orphaned, deadline), daemon=True).start()
    await server.run(_tell, orphaned, deadline)


def _tell(url: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has exited; `_watch` notices that, too
        os.write(sys.stdout.fileno(), f"{url}\n".encode())


def _watch(loop: asyncio.AbstractEventLoop, orphaned: asyncio.Event, deadline: Deadline) -> None:
    with contextlib.suppress(OSError):  # standard input is not open at all
        while os.read(0, 4096):
            pass
    deadline.start()
    with contextlib.suppress(RuntimeError):  # the event loop is closed already
        loop.call_soon_threadsafe(orphaned.set)


if __name__ == "__main__":
    main()
