"""The load generator: keep-alive connections that send ready-made bytes and find where each answer ends.

It is the same for every server. It understands no more HTTP than it must: the status line, `content-length`, and the
end of a chunked body. With a core of its own it never sleeps: waking a sleeping peer is charged to whoever sends, and
on virtual machines that is ten microseconds of the server's core for each answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_CHUNKED_END = b"\r\n0\r\n\r\n"
_AWAKE = (os.cpu_count() or 1) > 1
_DRAIN = 10.0  # seconds that answers may take once no more are asked for


class LoadError(Exception):
    """A server did not do what is being measured."""


@dataclass(slots=True)
class Outcome:
    """What a load came to. Times are in seconds."""

    done: int = 0
    elapsed: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.done / self.elapsed

    def add(self, other: Outcome) -> None:
        """Count another slice in."""
        self.done += other.done
        self.elapsed += other.elapsed
        self.latencies += other.latencies


class Load:
    """A closed loop: each connection sends its next request when the last one is answered.

    Args:
        port: where the server listens, on 127.0.0.1.
        request: called for the bytes of each request.
        connections: how many at once.
        seconds: no request is sent after this time; those under way are waited for.
        each: requests that one connection sends at most; None is as many as fit.
    """

    def __init__(
        self, port: int, request: Callable[[], bytes], connections: int, seconds: float, each: int | None = None
    ) -> None:
        self.port, self.request, self.connections, self.seconds, self.each = port, request, connections, seconds, each
        self.outcome, self.deadline = Outcome(), 0.0
        self.active = 0
        self.error: str | None = None

    async def run(self) -> Outcome:
        """Open all connections, then measure.

        Raises:
            LoadError: for an answer that is not a 200, a lost connection, or answers that do not come.
        """
        loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = loop.create_future()
        peers = []
        for _ in range(self.connections):
            _, peer = await loop.create_connection(lambda: Peer(self), "127.0.0.1", self.port)
            peers.append(peer)
        started = time.perf_counter()
        self.deadline, self.active = started + self.seconds, len(peers)
        try:
            self._stay_awake()
            for peer in peers:
                peer.send()
            await asyncio.wait_for(self.finished, self.seconds + _DRAIN)
        except TimeoutError:
            self.error = "answers did not come"
        finally:
            self.outcome.elapsed = time.perf_counter() - started
            self.over(self.error)
            for peer in peers:
                peer.transport.abort()
        if self.error:
            raise LoadError(self.error)
        return self.outcome

    def _stay_awake(self) -> None:
        if _AWAKE and not self.finished.done():
            asyncio.get_running_loop().call_soon(self._stay_awake)

    def over(self, error: str | None = None) -> None:
        """End the load, with an error if there is one."""
        self.error = self.error or error
        if not self.finished.done():
            self.finished.set_result(None)


class Peer(asyncio.Protocol):
    """One connection of a load."""

    def __init__(self, load: Load) -> None:
        self.load, self.sent, self.at, self.buffer, self.size = load, 0, 0.0, b"", -1

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.load.over("the server closed a connection")

    def send(self) -> None:
        """Send the next request, unless the load is over."""
        self.at = time.perf_counter()
        if self.at >= self.load.deadline or self.sent == self.load.each:
            self.load.active -= 1
            if self.load.active == 0:
                self.load.over()
            return
        self.sent += 1
        self.transport.write(self.load.request())

    def data_received(self, data: bytes) -> None:
        self.buffer = data = self.buffer + data
        if self.size < 0:
            self._read_head(data)
        if data.endswith(_CHUNKED_END) if self.size == 0 else len(data) >= self.size > 0:
            outcome = self.load.outcome
            outcome.done += 1
            outcome.latencies.append(time.perf_counter() - self.at)
            self.buffer, self.size = b"", -1
            self.send()

    def _read_head(self, data: bytes) -> None:
        """Learn how long the answer is: its bytes in all, 0 if it is chunked, -1 while the head is incomplete."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        if not data.startswith(b"HTTP/1.1 200 "):
            self.load.over(f"a request was answered with {data[:12].decode('latin-1')}")
        length = _LENGTH.search(data, 0, end)
        self.size = end + 4 + int(length[1]) if length else 0
