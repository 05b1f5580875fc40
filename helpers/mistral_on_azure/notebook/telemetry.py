"""Receives a notebook's telemetry: a collector, and behind it a backend that keeps the bytes of each request."""

from __future__ import annotations

import atexit
import contextlib
import gzip
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.children import reserved_port
from mistral_on_azure.errors import CookbookError

_PATIENCE = 30.0  # seconds, for the slowest of continuous integration's machines
_TRIES = 3  # another program may take a port between the moment it was chosen and the collector's start
# The shell becomes the collector. A background process kills it when standard input ends, and so when the parent ends.
_ENDS_WITH_PARENT = 'exec 3<&0; (read -r _ <&3; kill -9 $$) & exec "$@" </dev/null 3<&-'
_ACCEPTED = b'{"itemsReceived": 1, "itemsAccepted": 1, "errors": []}'  # what Azure Monitor's ingestion answers


@dataclass(frozen=True, slots=True)
class Span:
    """A span that the backend received.

    Attributes:
        library: the instrumentation that wrote it.
        trace: the id of its trace, in hexadecimal.
        seconds: how long it took.
        events: seconds from its beginning to each event.
        failed: whether its status is an error.
        encoded: the span's bytes in the request.
    """

    name: str
    library: str
    trace: str
    attributes: dict[str, Any] = field(repr=False)
    seconds: float
    events: tuple[float, ...]
    failed: bool
    encoded: bytes = field(repr=False)


@dataclass(slots=True)
class Backend:
    """A monitoring system that keeps every request.

    Attributes:
        url: where OTLP over HTTP goes: the collector's address or, where Rotel is not installed, the backend's own.
        address: the backend's own address.
        bodies: the route and the unpacked body of each request, in the order of their arrival.
        collector: the collector's process; None without one.
    """

    url: str
    address: str
    bodies: list[tuple[str, bytes]]
    collector: subprocess.Popen | None

    def spans(self, name: str = "") -> list[Span]:
        """The spans that have arrived: those of one name, or all."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        scopes = self._scopes("/v1/traces", ExportTraceServiceRequest, "spans")
        return [_span(each.scope.name, span) for each in scopes for span in each.spans if name in ("", span.name)]

    def calls(self) -> dict[str, Span]:
        """The spans of libraries that describe a call of a model (with a `gen_ai` attribute), by trace id."""
        return {each.trace: each for each in self.spans() if any("gen_ai" in name for name in each.attributes)}

    def wait_for_calls(self, count: int) -> None:
        """Wait until `count` spans named `answer`, the app's, have arrived with the library's span of the same trace.

        Raises:
            CookbookError: when they do not arrive within half a minute.
        """
        self.wait(lambda: len({each.trace for each in self.spans("answer")} & self.calls().keys()) >= count)

    def metrics(self) -> dict[str, float]:
        """The sums of all histograms that have arrived, by name; the last report of each counts."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        scopes = self._scopes("/v1/metrics", ExportMetricsServiceRequest, "metrics")
        metrics = (metric for each in scopes for metric in each.metrics)
        return {metric.name: sum(point.sum for point in metric.histogram.data_points) for metric in metrics}

    def logs(self) -> list[tuple[str, str]]:
        """The text of each log record that has arrived, and the id of its trace."""
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        scopes = self._scopes("/v1/logs", ExportLogsServiceRequest, "logs")
        return [(line.body.string_value, line.trace_id.hex()) for each in scopes for line in each.log_records]

    def _scopes(self, route: str, message: Any, kind: str) -> list[Any]:
        """What each library has sent to a route, where OTLP's fields are `resource_KIND` and `scope_KIND`."""
        read = [message.FromString(body) for at, body in self.bodies if at == route]
        resources = [resource for each in read for resource in getattr(each, f"resource_{kind}")]
        return [scope for resource in resources for scope in getattr(resource, f"scope_{kind}")]

    def wait(self, true: Callable[[], object]) -> None:
        """Wait until a condition on the received telemetry is true.

        Raises:
            CookbookError: when it is still false after half a minute.
        """
        end = time.monotonic() + _PATIENCE
        while not true():
            if time.monotonic() > end:
                raise CookbookError(f"What was sent did not arrive within {_PATIENCE:g} seconds.")
            time.sleep(0.05)

    def stop_collector(self) -> None:
        """End the collector; safe to call twice, and without one."""
        if self.collector is not None:
            with contextlib.suppress(BrokenPipeError):
                self.collector.stdin.close()
            self.collector.wait(_PATIENCE)


def start_backend() -> Backend:
    """Start a backend on loopback and, where Rotel is installed, a collector that forwards to it.

    Rotel (https://rotel.dev) is an OpenTelemetry collector whose program is in its wheel. Both end with the process.
    """
    bodies: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeping", (_Keeping,), {"bodies": bodies}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    backend = Backend(address, address, bodies, None)
    if rotel := find_spec("rotel"):
        _collect(backend, Path(str(rotel.origin)).with_name("rotel-agent"))
    return backend


def _collect(backend: Backend, program: Path) -> None:
    for _ in range(_TRIES):
        place, other = (f"127.0.0.1:{reserved_port()}" for _ in range(2))
        collector = _begin_collector(program, backend.address, place, other)
        backend.wait(lambda process=collector, address=place: process.poll() is not None or _listens(address))
        if collector.poll() is None:
            backend.collector, backend.url = collector, f"http://{place}"
            atexit.register(backend.stop_collector)
            return
    raise CookbookError(f"The collector ended {_TRIES} times as soon as it was started. Its messages are above.")


def _begin_collector(program: Path, backend: str, http: str, grpc: str) -> subprocess.Popen:
    listen = ["--otlp-http-endpoint", http, "--otlp-grpc-endpoint", grpc]
    forward = ["--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", backend]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ROTEL_"))}
    return subprocess.Popen(
        ["/bin/sh", "-c", _ENDS_WITH_PARENT, "collector", program, "start", *listen, *forward],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=ours,
        start_new_session=True,  # an interrupt is for the kernel: the app still has something to send
    )


def _listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


class _Keeping(BaseHTTPRequestHandler):
    bodies: list[tuple[str, bytes]]

    def do_POST(self) -> None:  # the name is http.server's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.bodies.append((self.path, gzip.decompress(body) if packed else body))
        answer = _ACCEPTED if "track" in self.path else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _span(library: str, span: Any) -> Span:
    values = {each.key: each.value for each in span.attributes}
    start = span.start_time_unix_nano
    return Span(
        name=span.name,
        library=library,
        trace=span.trace_id.hex(),
        attributes={name: _plain(value) for name, value in values.items()},
        seconds=(span.end_time_unix_nano - start) / 1e9,
        events=tuple((event.time_unix_nano - start) / 1e9 for event in span.events),
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        encoded=span.SerializeToString(),
    )


def _plain(value: Any) -> Any:
    """An attribute's value as Python has it: a string, a number, a truth value, bytes, or a list of them."""
    kind = value.WhichOneof("value")
    return [_plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
