"""The server: runs the event loop, the http and https listeners with their certificate, and a graceful shutdown.

The process ends within seconds of a signal, even while its event loop is blocked.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import PrivateFolder
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.bounds import busy, in_background
from mistral_on_azure.endpoint.transport import connection
from mistral_on_azure.endpoint.transport.connection import Connection
from mistral_on_azure.endpoint.transport.listener import Callers, Shared
from mistral_on_azure.endpoint.transport.reader import Limits


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a new event loop, of uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening TCP socket.

    Args:
        host: a host name or an IP address.
        port: 0 takes a free one.

    Raises:
        OSError: when the port is in use or the address does not belong to this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows the option would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(1024)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def allow_connections(connections: int) -> None:
    """Raise the limit of open files for this many connections; on some systems it is 256 by default."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 64  # for listeners, log files and libraries
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate authority, and a certificate for loopback that it signs.

    Args:
        folder: a private folder for the CA file and, while it is loaded, the private key.

    Returns:
        The server's TLS context, and the path of the CA file for clients: the public authorities and this one.
    """
    import certifi
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert("127.0.0.1", "localhost", "::1")
    with issued.private_key_and_cert_chain_pem.tempfile(dir=str(folder)) as path:  # `ssl` loads keys from files only
        context.load_cert_chain(path)
    trusted = folder / "authorities.pem"
    trusted.touch(mode=0o600)
    trusted.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    return context, trusted


class Deadline:
    """A timer that exits the process unless it is restarted or stopped in time.

    The timer is a C thread of faulthandler, so that it also runs out while a call holds the interpreter lock (GIL). A
    thread of Python's own, or a callback of the event loop, would have to wait for that call.
    """

    def __init__(self) -> None:
        self._nowhere = open(os.devnull, "w")  # noqa: SIM115  # for faulthandler's traceback, which nobody reads
        self._over = False

    def start(self) -> None:
        """Start or restart the timer of `BUSY` seconds. May be called from any thread and from a signal handler."""
        if not self._over:
            faulthandler.dump_traceback_later(BUSY, exit=True, file=self._nowhere)

    def stop(self) -> None:
        """Cancel the timer for good: the event loop has ended."""
        self._over = True
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def signals(end: Callable[[], None], deadline: Deadline | None) -> Iterator[None]:
    """Handle SIGTERM and SIGINT within the block, also while the event loop is blocked.

    Args:
        end: called in the event loop, for each signal.
        deadline: started by each signal; None starts no timer.
    """
    loop, before = asyncio.get_running_loop(), {}

    def hear(*_: object) -> None:
        # Python calls this between two bytecode instructions; a handler of asyncio's would wait for the event loop.
        if deadline is not None:
            deadline.start()
        loop.call_soon_threadsafe(end)

    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # not the main thread
            before[name] = signal.signal(name, hear)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


BUSY = 2.0  # seconds that one callback may block the event loop after the process was asked to end
_STEP = 0.02  # seconds between two checks for open connections during the shutdown


class Server:
    """The local endpoint as a server. It listens on http from the start, and on https after the first request for it.

    Args:
        application: answers the requests.
        host: the address to listen on.
        port: 0 takes a free one.
        limits: sizes and times that a client may take.
        callers: the hosts and origins that requests may name.

    Raises:
        OSError: when the port is in use.
    """

    def __init__(
        self,
        application: Application,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        callers: Callers | None = None,
    ) -> None:
        self.host, self.application, callers = host, application, callers or Callers()
        application.secure = self._secure
        self.shared = Shared(
            callers.answering(application.answer),
            limits or Limits(),
            lambda error, headers: callers.opened(application.kind.error(error), headers),
            application.admit,
            callers,
        )
        self.socket = listen(host, port)
        self.url = f"http://{_authority(self.socket)}"
        self._listeners: list[asyncio.Server] = []
        self._opening: asyncio.Task | None = None
        self._signals = 0
        self._deadline: Deadline | None = None

    @property
    def peers(self) -> set[Connection]:
        """The open connections."""
        return self.shared.peers

    @cached_property
    def _folder(self) -> PrivateFolder:
        return PrivateFolder()

    @cached_property
    def _certificate(self) -> tuple[ssl.SSLContext, Path]:
        return make_certificate(self._folder.path)

    @cached_property
    def secured(self) -> dict[str, str]:
        """The addresses of the https listener and of the token service, and the path of the CA file.

        The first access makes the certificate and opens the listener.
        """
        context, trusted = self._certificate
        sock = listen(self.host, 0)
        self._opening = asyncio.get_running_loop().create_task(self._serve(sock, context))
        return {
            "https_endpoint": f"https://{_authority(sock)}",
            "identity_endpoint": f"{self.url}/local/identity/token",
            "authorities": str(trusted),
        }

    async def _secure(self) -> dict[str, str]:
        """As `secured`, but the certificate, which takes half a second to make, is made in the background thread."""
        if "_certificate" not in self.__dict__:
            await in_background(lambda: self._certificate)
        return self.secured

    async def run(
        self, ready: Callable[[str], None], until: asyncio.Event | None = None, deadline: Deadline | None = None
    ) -> None:
        """Serve until SIGTERM, SIGINT or `until`; then let running requests finish within `limits.grace` seconds.

        Args:
            ready: called with the address once the server accepts connections.
            until: stops the server when it is set.
            deadline: exits the process when a blocked event loop delays the shutdown; None where the process does
                more than serving.
        """
        stop, self._deadline = until or asyncio.Event(), deadline
        with signals(lambda: self._hear(stop), deadline):
            await self._run(ready, stop)

    async def _run(self, ready: Callable[[str], None], stop: asyncio.Event) -> None:
        allow_connections(self.shared.limits.connections)
        try:
            await self._serve(self.socket)
            ready(self.url)
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self.shared.limits.silence / 12)
                for peer in tuple(self.peers):
                    connection.check(peer, asyncio.get_running_loop().time())
        finally:
            await self._end()

    def _hear(self, stop: asyncio.Event) -> None:
        self._signals += 1  # after a second signal, running requests are not waited for
        stop.set()

    async def _serve(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self.shared), sock=sock, ssl=context, backlog=1024)
        self._listeners.append(listener)

    async def _end(self) -> None:
        """Accept no more connections, wait for running requests, then close all connections."""
        for listener in self._listeners:
            listener.close()
        self.shared.ending = True
        for peer in tuple(self.peers):
            connection.end(peer)
        await self._wait_for_peers(self.shared.limits.grace)
        for peer in tuple(self.peers):
            peer.reset()
        await self._wait_for_peers(1.0)
        if "_folder" in self.__dict__:
            self._folder.remove()
        # While the background thread works, the timer stays on: the interpreter would wait for that thread on exit.
        if self._deadline is not None and not busy():
            self._deadline.stop()

    async def _wait_for_peers(self, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.peers and self._signals < 2 and asyncio.get_running_loop().time() < deadline:
            if self._deadline is not None:
                self._deadline.start()  # restarted, so that it ends the process only if the event loop is blocked
            await asyncio.sleep(_STEP)


def _authority(sock: socket.socket) -> str:
    """Host and port as in a URL."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
