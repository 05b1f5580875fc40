"""`python -m mistral_on_azure.endpoint`: runs the local endpoint as a child process.

The environment variables COOKBOOK_LOCAL_KEYS (keys, separated by commas) and COOKBOOK_LOCAL_OPTIONS (a JSON object)
configure it. It prints one line to standard output: its address, or the mistake in the options. It exits when its
standard input is closed, which also happens when the parent process crashes or is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading

from mistral_on_azure.azure.children import MISTAKE
from mistral_on_azure.endpoint import KEYS, OPTIONS
from mistral_on_azure.endpoint.making import make
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server import Deadline, Server, run
from mistral_on_azure.errors import CookbookError


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
