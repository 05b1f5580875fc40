"""`python -m helpers.endpoint`: the local endpoint as a child process of whoever started it.

Keys come from the environment, separated by commas; the address goes to standard output in one line. The process
ends when its standard input does, which is when its parent ends, however that came about.
"""

from __future__ import annotations

import asyncio
import os
import sys

from helpers.endpoint.loop import run
from helpers.endpoint.server import Server
from helpers.endpoint.sessions import Sessions

KEYS = "COOKBOOK_LOCAL_KEYS"


def main() -> None:
    server = Server(Sessions(os.environ.pop(KEYS).split(",")), port=int(os.environ.get("COOKBOOK_LOCAL_PORT", "0")))
    run(_until_parent_ends(server))


async def _until_parent_ends(server: Server) -> None:
    orphaned = asyncio.Event()
    loop = asyncio.get_running_loop()
    reader = loop.run_in_executor(None, sys.stdin.read)
    reader.add_done_callback(lambda _: orphaned.set())
    await server.run(lambda url: print(url, flush=True), orphaned)
    os._exit(0)  # the thread that reads standard input cannot be interrupted


if __name__ == "__main__":
    main()
