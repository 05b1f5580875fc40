"""`python -m mistral_on_azure.endpoint`: the local endpoint as a child process of whoever started it.

Keys come from the environment, separated by commas, and so do the options; the address goes to standard output in one
line, or else what is wrong with the options. The process ends when its standard input does, which is when its parent
ends, however that came about.
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
from mistral_on_azure.endpoint.ending import Deadline
from mistral_on_azure.endpoint.making import make
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server import Server, run
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
    """Serve until this process gets a signal or its standard input ends."""
    orphaned, deadline = asyncio.Event(), Deadline()
    loop = asyncio.get_running_loop()
    # A daemon: it waits for ever, and the end of the process must not wait for it.
    threading.Thread(target=_watch, args=(loop, orphaned, deadline), daemon=True).start()
    await server.run(_tell, orphaned, deadline)


def _tell(url: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has ended, which is seen at standard input as well
        os.write(sys.stdout.fileno(), f"{url}\n".encode())


def _watch(loop: asyncio.AbstractEventLoop, orphaned: asyncio.Event, deadline: Deadline) -> None:
    with contextlib.suppress(OSError):  # nothing to read from is the end, too
        while os.read(0, 4096):
            pass
    deadline.start()
    with contextlib.suppress(RuntimeError):  # the event loop has ended by itself
        loop.call_soon_threadsafe(orphaned.set)


if __name__ == "__main__":
    main()
