"""The server: listeners on loopback, the engine behind them, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from helpers.endpoint import certificate
from helpers.endpoint.routes import Engine
from helpers.endpoint.sessions import Sessions
from helpers.endpoint.transport import Connection, Limits

NAME = "cookbook-local-endpoint"
_GRACE = 5.0  # seconds that running streams have to finish


class Server:
    """One process's endpoint: plain http always, https once somebody asks for it.

    Args:
        sessions: the keys that are accepted.
        host: the address to listen on.
        port: 0 takes a free one.
        default: the deployment that answers when a request names none.
    """

    def __init__(self, sessions: Sessions, host: str = "127.0.0.1", port: int = 0, default: str | None = None) -> None:
        self.host, self.limits = host, Limits()
        self.peers: set[Connection] = set()
        self.engine = Engine(sessions, default, secure=self.secure)
        self.socket = _listen(host, port)
        self.url = f"http://{host}:{self.socket.getsockname()[1]}"
        self._listeners: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task] = set()

    @cached_property
    def _folder(self) -> Path:
        """A private folder for what the https listener needs."""
        return Path(tempfile.mkdtemp(prefix="cookbook-"))

    @cached_property
    def _secured(self) -> dict[str, str]:
        context, trusted = certificate.make(self._folder)
        sock = _listen(self.host, 0)
        task = asyncio.get_running_loop().create_task(self._serve(sock, context))
        self._tasks.add(task)
        return {
            "https_endpoint": f"https://{self.host}:{sock.getsockname()[1]}",
            "identity_endpoint": f"{self.url}/local/identity/token",
            "authorities": str(trusted),
        }

    def secure(self) -> dict[str, str]:
        """The https address, the token service and the file of trusted authorities; made when first asked for."""
        return self._secured

    async def run(self, ready: Callable[[str], None], until: asyncio.Event | None = None) -> None:
        """Serve until SIGTERM, SIGINT or `until`; then let running streams finish, for a bounded time."""
        stop = until or asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
                loop.add_signal_handler(name, stop.set)
        await self._serve(self.socket)
        ready(self.url)
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self.limits.silence / 12)
                for peer in tuple(self.peers):
                    peer.check_silence(loop.time())
        finally:
            await self._end()

    async def _serve(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        make = lambda: Connection(self.engine.answer, self.peers, self.limits, NAME.encode())  # noqa: E731
        self._listeners.append(await loop.create_server(make, sock=sock, ssl=context, backlog=1024))

    async def _end(self) -> None:
        for listener in self._listeners:
            listener.close()
        deadline = asyncio.get_running_loop().time() + _GRACE
        while any(peer.stream for peer in self.peers) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for peer in tuple(self.peers):
            peer.close()
        await asyncio.sleep(0)
        if "_folder" in self.__dict__:
            shutil.rmtree(self._folder, ignore_errors=True)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: when the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
