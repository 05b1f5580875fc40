"""One client connection: answers its requests one at a time, in their order, until either side closes it.

Connections that exceed a time limit are closed, and so are all connections when the server stops.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, joined
from mistral_on_azure.endpoint.transport.listener import Shared
from mistral_on_azure.endpoint.transport.reader import RequestReader
from mistral_on_azure.endpoint.transport.writer import (
    CLOSE,
    CLOSE_1_0,
    AwaitedAnswer,
    LiveStream,
    Manner,
    Stream,
    framing,
    render,
)

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, with 0 seconds: closing the socket sends RST


def check(peer: Connection, now: float) -> None:
    """Close a connection that exceeds one of the time limits. The server calls this every few seconds.

    Args:
        now: the event loop's time in seconds.
    """
    limits = peer.shared.limits
    if peer.stream:
        if now - peer.stream.started > limits.stream:
            peer.reset()
    elif peer.closing or peer.congested:
        if now - peer.heard > limits.silence:
            peer.reset()
    elif peer.reader.midway and now - peer.began > limits.request:
        peer.refuse(ApiError(408, "request_timeout", f"The request took over {limits.request:g} s to arrive."))
    elif not peer.reader.midway and now - peer.heard > limits.silence:
        peer.close()


def end(peer: Connection) -> None:
    """Close a connection that has no request in work, as the server stops."""
    idle = not peer.stream and not peer.waiting and not peer.reader.midway
    if (peer.closing or idle) and not peer.transport.get_write_buffer_size():
        peer.transport.abort()  # `close` would wait for a client that still sends, or for the end of TLS
    elif idle:
        peer.close()


_LINGER = 2.0  # seconds for a client to read an error response, while the bytes that it still sends are discarded


class Connection(asyncio.Protocol):
    """The protocol of one client connection: reads requests, calls the application, and writes its answers."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport = None
        self.reader = RequestReader(self, shared.limits, shared.heads)
        self.waiting: deque[tuple[Request | Answer, Manner]] = deque()  # requests that arrived during `stream`
        self.stream: Stream | AwaitedAnswer | LiveStream | None = None  # the answer that is being made or written
        self.manner = CLOSE  # of `stream`
        self.congested = False  # the write buffer is full, as the client does not read
        self.closing = False  # nothing more is written
        self.invited = False  # `100 Continue` is due once the answers before it are written
        self.held = 0  # bytes of bodies that are incomplete or waiting
        self.last = False  # nothing more is read: the client has sent EOF, or bytes that are not HTTP
        self.heard = self.began = self.loop.time()  # the last bytes, and the first of the current request

    # Called by the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.shared.peers.add(self)
        if len(self.shared.peers) > self.shared.limits.connections:
            self.refuse(ApiError(503, "too_many_connections", "This endpoint has too many open connections."))

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        self.shared.peers.discard(self)
        self._let_go()
        self.reader.close()
        if self.stream:
            self.stream.cancel()
            self.stream = None

    def data_received(self, data: bytes) -> None:
        if self.closing or self.last:
            return
        self.heard = self.loop.time()
        if not self.reader.midway:
            self.began = self.heard
        try:
            self.reader.feed(data)
        except ApiError as error:
            self.refuse(error)

    def eof_received(self) -> bool:
        """Handle EOF: the client sends no more, but may still read its answers.

        Returns:
            True to keep the connection open for answers that are being written or wait. Under TLS, and where nothing
            has been written of the answer, EOF counts as the end of the connection, as in most servers.
        """
        self.last = True
        unanswered = self.stream.begun if self.stream else bool(self.waiting)
        return unanswered and not self.closing and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Handle a full write buffer: read no more requests, and pause the stream."""
        self.congested, self.heard = True, self.loop.time()
        self._hold()
        if self.stream:
            self.stream.pause()

    def resume_writing(self) -> None:
        self.congested = False
        if self.stream:
            self.stream.resume()
        else:
            self._go_on()

    # Called by the reader

    def check(self, method: str, target: str, headers: dict[str, str]) -> None:
        self.shared.callers.check(target, headers, self._address, method)

    def admit(self, request: Request) -> None:
        self.shared.admit(request)

    def hold(self, size: int) -> None:
        self.held += size
        self.shared.held += size
        if size > 0 and self.shared.held > self.shared.limits.bodies:
            raise ApiError(503, "too_many_bodies", "This endpoint holds as many bytes of request bodies as it may.")

    def receive(self, request: Request, manner: Manner) -> None:
        if self.stream or self.congested or self.waiting:
            self.hold(len(request.body))
            self.waiting.append((request, manner))
            self._hold()
        else:
            self._respond(request, manner)

    def invite(self) -> None:
        self.invited = True
        if not self.stream and not self.waiting:
            self._invite()

    # Answering

    def _respond(self, request: Request, manner: Manner) -> None:
        if self.closing:
            return
        if self.shared.ending and manner.keep:
            manner = CLOSE if manner.chunked else CLOSE_1_0
        answer = self.shared.answer(request)
        if isinstance(answer, Answer):
            self._send(answer, manner, request)
        else:  # of a real engine, or of the background thread
            try:
                self.hold(len(request.body))
            except ApiError as error:
                answer.close()
                self._send_last(self.shared.refusal(error, request.headers))
                return
            self.stream = AwaitedAnswer(self, answer, lambda arrived: self._send_late(arrived, manner, request))

    def _send_late(self, answer: Answer, manner: Manner, request: Request) -> None:
        if self.closing:
            return  # the client closed the connection meanwhile
        self.stream = None
        self.hold(-len(request.body))
        self.heard = self.loop.time()
        self._send(answer, manner, request)
        self._go_on()

    def _send(self, answer: Answer, manner: Manner, request: Request | None = None) -> None:
        length, frame, manner = framing(answer, manner)
        head = render(answer, length, manner.header, request)
        if not answer.at_once:
            write = Stream if answer.source is None else LiveStream
            self.manner, self.stream = manner, write(self, answer, head, frame)
            self.stream.start()
            return
        if request is not None and request.method == "HEAD":
            self.transport.write(head)
        elif answer.events is None:
            self.transport.write(head + answer.body)
        else:
            self.transport.write(head + frame(joined(answer.events), True))
        if not manner.keep:
            self.close()

    def refuse(self, error: ApiError) -> None:
        """Write an error response after the answers that are due, and close the connection after it."""
        answer = self.shared.refusal(error, self.reader.headers)
        if self.stream or self.waiting:
            self.last = True
            self.reader.drop()
            self.waiting.append((answer, CLOSE))
            self._hold()
        elif not self.closing:
            self._send_last(answer)

    def _send_last(self, answer: Answer) -> None:
        self._let_go()
        # Closing while the client still sends would reset the connection before it could read the error.
        self._send(answer, CLOSE._replace(keep=True))
        self.closing = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.abort)

    def stream_ended(self) -> None:
        """Go on with the next request. The stream calls this after its last byte."""
        if self.closing:
            return
        self.stream = None
        self.heard = self.loop.time()
        if self.manner.keep:
            self._go_on()
        else:
            self.close()

    def _go_on(self) -> None:
        """Answer the waiting requests, then read again."""
        while self.waiting and not self.stream and not self.congested and not self.closing:
            waiting, manner = self.waiting.popleft()
            if isinstance(waiting, Answer):
                self._send_last(waiting)
            else:
                self.hold(-len(waiting.body))
                self._respond(waiting, manner)
        if self.stream or self.congested or self.closing:
            return
        if self.last or self.shared.ending:
            self.close()
            return
        self._invite()
        self.transport.resume_reading()

    def _invite(self) -> None:
        if self.invited and self.reader.midway:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.invited = False

    def _address(self) -> str:
        """The local IP address of the connection."""
        name = self.transport.get_extra_info("sockname")
        return name[0].removeprefix("::ffff:") if name else ""

    def _let_go(self) -> None:
        """Drop the bytes of requests that will not be answered."""
        self.waiting.clear()
        self.reader.drop()
        self.hold(-self.held)

    def _hold(self) -> None:
        if not self.closing:
            self.transport.pause_reading()

    def close(self) -> None:
        """Close the connection after its write buffer is sent."""
        self.closing = True
        self.transport.close()

    def reset(self) -> None:
        """Reset the connection (TCP RST), as the crash of a server does."""
        self.closing = True
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
