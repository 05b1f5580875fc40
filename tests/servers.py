"""Servers of a test's own, on real sockets: HTTP whose answers the test writes, and others that speak worse."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Asked:
    """A request: its path is without the query, header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Reply:
    """An answer. `parts` are written one by one with `gap` seconds in between; without them `body` is, as JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: tuple[bytes, ...] = ()
    gap: float = 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what is tested here."""


@contextmanager
def serving(answer: Callable[[Asked], Reply], certificate: ssl.SSLContext | None = None) -> Iterator[str]:
    """An HTTP server; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for the client's delayed acknowledgement

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("content-length", 0))
            text = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.reply(answer(Asked(self.command, path, query, headers, json.loads(text) if text else {})))

        do_POST = do_GET

        def reply(self, reply: Reply) -> None:
            parts = reply.parts or (json.dumps(reply.body).encode(),)
            self.send_response(reply.status)
            headers = {"content-type": "application/json", **reply.headers}
            if "content-length" not in headers:
                headers["content-length"] = str(sum(map(len, parts)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                for place, part in enumerate(parts):
                    time.sleep(reply.gap if place else 0)
                    self.wfile.write(part)
                    self.wfile.flush()
            if int(headers["content-length"]) > sum(map(len, parts)):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if certificate:
        server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what it is told; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(peer: socket.socket) -> None:
            with peer, suppress(OSError):
                talk(peer)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    threading.Thread(target=one, args=(peer,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
