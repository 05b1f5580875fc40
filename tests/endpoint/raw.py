"""A server in the test's own event loop, and a client that sends the bytes it is told to."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.gateway.quota import Limits as Quota
from mistral_on_azure.endpoint.gateway.serverless import SERVERLESS
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.local.timing import OFF, Setting
from mistral_on_azure.endpoint.server import Server
from mistral_on_azure.endpoint.transport.listener import Callers
from mistral_on_azure.endpoint.transport.reader import Limits

KEY = "k" * 32
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
PROMPT = "How many languages are in the world?"  # answered in 72 tokens: a stream of 75 events
EVENTS = 75
ROUTE = "/v1/chat/completions"


@dataclass(slots=True)
class Got:
    """One answer, as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool = True  # False: the connection ended before the body did

    def __getitem__(self, name: str) -> str:
        """The value of a header that must be there once."""
        (value,) = [value for given, value in self.headers if given == name]
        return value

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The data of a stream's events."""
        return [event.removeprefix("data: ") for event in self.body.decode().split("\n\n") if event]


class Peer:
    """A raw client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> Peer:
        self.writer.write(data)
        return self

    async def get(self, head_only: bool = False) -> Got:
        """Read one answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(": ")[::2] for line in lines[1:] if line]
        headers, status = dict(pairs), int(lines[0].split()[1])
        got = Got(status, pairs, b"")
        try:
            if head_only or status == 100:
                pass
            elif "content-length" in headers:
                got.body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int((await self.reader.readuntil(b"\r\n")), 16):
                    got.body += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            else:
                got.body = await self.reader.read()
        except asyncio.IncompleteReadError as error:
            got.complete = False
            if "content-length" in headers:
                got.body = error.partial
        except ConnectionError:
            got.complete = False
            if "content-length" in headers:
                got.body = bytes(self.reader._buffer)
        return got

    async def ends(self) -> bytes:
        """What still comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 60)

    def close(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def serving(
    keys: Sequence[str] = (KEY,),
    limits: Limits | None = None,
    quota: Quota | None = None,
    timing: Setting = OFF,
    callers: Callers | None = None,
    kind: Kind = SERVERLESS,
) -> AsyncIterator[Server]:
    """A running server, which ends with the block."""
    application = Application(Sessions(keys, quota or Quota(10**9, 10**12), timing=timing), kind=kind)
    server = Server(application, limits=limits, callers=callers)
    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(server.run(lambda url: ready.set(), stop))
    await ready.wait()
    try:
        yield server
    finally:
        stop.set()
        await running


async def connect(server: Server, **options: Any) -> Peer:
    port = server.socket.getsockname()[1]
    return Peer(*await asyncio.open_connection("127.0.0.1", port, **options))


async def connect_by_tls(server: Server) -> Peer:
    secure = server.secured
    context = ssl.create_default_context(cafile=secure["authorities"])
    port = int(secure["https_endpoint"].rpartition(":")[2])
    return Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=context))


def chat(prompt: str = PROMPT, key: str = KEY, headers: dict[str, str] | None = None, **parameters: Any) -> bytes:
    """The bytes of a chat completion request."""
    body = json.dumps({"messages": [{"role": "user", "content": prompt}], **parameters}).encode()
    return post(ROUTE, body, {"authorization": f"Bearer {key}", **(headers or {})})


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    fields = {"host": "localhost", "content-type": "application/json", "content-length": len(body), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def get(path: str, headers: dict[str, str] | None = None, version: str = "1.1") -> bytes:
    fields = {"host": "localhost", "authorization": f"Bearer {KEY}", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/{version}\r\n{head}\r\n".encode()


INFO = get("/info")


async def ask(server: Server, data: bytes) -> Got:
    """One request on a connection of its own."""
    peer = await connect(server)
    try:
        return await asyncio.wait_for(peer.send(data).get(), 60)
    finally:
        peer.close()


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "this did not happen in time"
        await asyncio.sleep(0.005)
