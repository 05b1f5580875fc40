"""The server: event loop, listeners, certificate, the application behind them, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import PrivateFolder
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.bounds import busy, in_background
from mistral_on_azure.endpoint.ending import Deadline, signals
from mistral_on_azure.endpoint.gateway.authentication import TokenService
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.models.model import Model
from mistral_on_azure.endpoint.transport import connection
from mistral_on_azure.endpoint.transport.connection import Connection
from mistral_on_azure.endpoint.transport.listener import Callers, Shared
from mistral_on_azure.endpoint.transport.reader import Limits


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: a name or an address.
        port: 0 takes a free one.

    Raises:
        OSError: when the port is taken or the host is not of this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(1024)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def make_room(connections: int) -> None:
    """Let this process hold so many connections; some systems start with room for fewer than 256 files."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 64  # and what else is open
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def make(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a certificate for loopback.

    Args:
        folder: a private folder, where the list of trusted authorities is written and, for a moment, the key.

    Returns:
        The server's TLS context, and the file a client trusts: the public authorities and this one.
    """
    import certifi
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert("127.0.0.1", "localhost", "::1")
    with issued.private_key_and_cert_chain_pem.tempfile(dir=str(folder)) as path:  # ssl reads nothing but files
        context.load_cert_chain(path)
    trusted = folder / "authorities.pem"
    trusted.touch(mode=0o600)
    trusted.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    return context, trusted


_STEP = 0.02  # seconds between two looks at what is still running


class Server:
    """One process's endpoint: plain http always, https once somebody asks for it.

    Args:
        sessions: the keys that are accepted.
        host: the address to listen on.
        port: 0 takes a free one.
        default: the deployment that answers when a request names none.
        lifetime: how long a Microsoft Entra ID token is good for, in seconds.
        limits: what one peer may take.
        model: what answers chat requests; None is the script.
        kind: the kind of deployment that is imitated.
        callers: which hosts and origins requests may name.

    Raises:
        OSError: when the port is taken.
    """

    def __init__(
        self,
        sessions: Sessions,
        host: str = "127.0.0.1",
        port: int = 0,
        default: str | None = None,
        lifetime: int = 3600,
        limits: Limits | None = None,
        model: Model | None = None,
        kind: Kind = SERVERLESS,
        callers: Callers | None = None,
    ) -> None:
        self.host = host
        self.application = Application(sessions, default, TokenService(lifetime), self._secure_soon, model, kind)
        callers, application = callers or Callers(), self.application
        respond = callers.answering(application.answer)
        self.shared = Shared(
            respond,
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
        return make(self._folder.path)

    @cached_property
    def _secured(self) -> dict[str, str]:
        context, trusted = self._certificate
        sock = listen(self.host, 0)
        self._opening = asyncio.get_running_loop().create_task(self._serve(sock, context))
        return {
            "https_endpoint": f"https://{_authority(sock)}",
            "identity_endpoint": f"{self.url}/local/identity/token",
            "authorities": str(trusted),
        }

    def secure(self) -> dict[str, str]:
        """The https address, the token service and the file of trusted authorities; made when first asked for."""
        return self._secured

    def _secure_soon(self) -> dict[str, str] | Awaitable[dict[str, str]]:
        """As `secure`, for a client that can wait: a certificate takes half a second to make."""
        return self._secured if "_secured" in self.__dict__ else self._secure_later()

    async def _secure_later(self) -> dict[str, str]:
        await in_background(lambda: self._certificate)
        return self._secured

    async def run(
        self, ready: Callable[[str], None], until: asyncio.Event | None = None, deadline: Deadline | None = None
    ) -> None:
        """Serve until SIGTERM, SIGINT or `until`; then let running streams finish, for a bounded time.

        Args:
            ready: called with the address once it can be used.
            until: ends the server when it is set.
            deadline: ends the process when the event loop is too busy to end; None where other things run in it.
        """
        stop, self._deadline = until or asyncio.Event(), deadline
        with signals(lambda: self._hear(stop), deadline):
            await self._run(ready, stop)

    async def _run(self, ready: Callable[[str], None], stop: asyncio.Event) -> None:
        make_room(self.shared.limits.connections)
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
        self._signals += 1  # the second one does not wait for streams
        stop.set()

    async def _serve(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self.shared), sock=sock, ssl=context, backlog=1024)
        self._listeners.append(listener)

    async def _end(self) -> None:
        """Take no more connections, let what runs finish, then close everything."""
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
        if self._deadline is not None and not busy():  # else it runs on: the process's end would wait for that work
            self._deadline.stop()

    async def _wait_for_peers(self, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.peers and self._signals < 2 and asyncio.get_running_loop().time() < deadline:
            if self._deadline is not None:
                self._deadline.start()  # what runs may take its time, but not all of the event loop's
            await asyncio.sleep(_STEP)


def _authority(sock: socket.socket) -> str:
    """Host and port as a URL has them."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
