"""One client's connection: its requests are answered in their order, one at a time, until either side ends it.

Connections that take too long are ended, and so are all of them when the server stops.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Answer, Request
from mistral_on_azure.endpoint.transport.listener import Shared
from mistral_on_azure.endpoint.transport.reader import RequestReader
from mistral_on_azure.endpoint.transport.writer import (
    CLOSE,
    CLOSE_1_0,
    LiveStream,
    Manner,
    Pending,
    Stream,
    framing,
    render,
)

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing resets the connection


def check(peer: Connection, now: float) -> None:
    """Called every now and then: end a connection that has taken too long.

    Args:
        peer: the connection.
        now: seconds of the event loop's clock.
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
    """The server ends: let go of a connection that has nothing to finish."""
    idle = not peer.stream and not peer.waiting and not peer.reader.midway
    if (peer.closing or idle) and not peer.transport.get_write_buffer_size():
        peer.transport.abort()  # closing would wait: for a client that still sends, or for TLS to say goodbye
    elif idle:
        peer.close()


def reset(transport: asyncio.Transport) -> None:
    """End a connection as a crashed server would: the client sees a reset, not an end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


_LINGER = 2.0  # seconds a client gets to read why it was refused, while what it still sends is thrown away


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport = None
        self.reader = RequestReader(self, shared.limits, shared.heads)
        self.waiting: deque[tuple[Request | Answer, Manner]] = deque()  # arrived while another is being answered
        self.stream: Stream | Pending | LiveStream | None = None
        self.manner = CLOSE  # of the stream
        self.congested = False  # the client does not read
        self.closing = False  # nothing more is answered
        self.invited = False  # a body is held back until the answer before it is written
        self.held = 0  # bytes of bodies that are not whole or wait
        self.last = False  # nothing more is read: the client has said its last word, or a wrong one
        self.heard = self.began = self.loop.time()

    # Called by the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.shared.peers.add(self)
        if len(self.shared.peers) > self.shared.limits.connections:
            self.refuse(ApiError(503, "too_many_connections", "This endpoint has no connection to spare."))

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
        """The client will send no more. It may still wait for its answers, which TLS cannot tell from leaving.

        Without TLS only a write can tell. Where none is due soon, it counts as leaving, as it does in most servers.
        """
        self.last = True
        unanswered = self.stream.begun if self.stream else bool(self.waiting)
        return unanswered and not self.closing and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered: take no more requests, hold back the stream."""
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
            raise ApiError(503, "too_many_bodies", "This endpoint has no memory to spare for another request's body.")

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
        else:  # a real engine thinks first
            try:
                self.hold(len(request.body))
            except ApiError as error:
                answer.close()
                self._send_last(self.shared.refusal(error, request.headers))
                return
            self.stream = Pending(self, answer, lambda arrived: self._send_late(arrived, manner, request))

    def _send_late(self, answer: Answer, manner: Manner, request: Request) -> None:
        if self.closing:
            return  # the client left in the same moment
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
            self.transport.write(head + frame(b"".join(answer.events), True))
        if not manner.keep:
            self.close()

    def refuse(self, error: ApiError) -> None:
        """Answer what cannot be answered otherwise, as the last thing on this connection."""
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
        # Closing while the client still sends would reset the connection, and the client would never see why.
        self._send(answer, CLOSE._replace(keep=True))
        self.closing = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.abort)

    def stream_ended(self) -> None:
        """Called by the stream when its last byte is written."""
        if self.closing:
            return
        self.stream = None
        self.heard = self.loop.time()
        if self.manner.keep:
            self._go_on()
        else:
            self.close()

    def _go_on(self) -> None:
        """Answer what has been waiting, then listen again."""
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
        """The address that the client has connected to."""
        name = self.transport.get_extra_info("sockname")
        return name[0].removeprefix("::ffff:") if name else ""

    def _let_go(self) -> None:
        """Keep no bytes of requests that will not be answered."""
        self.waiting.clear()
        self.reader.drop()
        self.hold(-self.held)

    def _hold(self) -> None:
        if not self.closing:
            self.transport.pause_reading()

    def close(self) -> None:
        """Close once everything written has left."""
        self.closing = True
        self.transport.close()

    def reset(self) -> None:
        """End the connection as a crashed server would."""
        self.closing = True
        reset(self.transport)
