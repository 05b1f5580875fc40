"""What a notebook exports by OTLP reaches the backend through a real collector, byte for byte searchable."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from marking import Marked
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook import telemetry
from mistral_on_azure.notebook.telemetry import start_backend

pytest.importorskip("opentelemetry.sdk", reason="make group NAME=tracing installs it")
WORDS = "7 Rue des Lilas"


@pytest.fixture
def backend():
    started = start_backend()
    yield started
    started.stop_collector()


def _export(url: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import StatusCode

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    tracer = provider.get_tracer("a library")
    with tracer.start_as_current_span("answer", attributes={"said": WORDS, "tokens": 3, "reasons": ["stop"]}) as span:
        span.add_event("first piece")
        span.set_status(StatusCode.ERROR)
    provider.shutdown()


def test_a_span_arrives_through_the_collector(backend):
    if backend.collector is None:
        pytest.skip("Rotel is not installed: make group NAME=tracing")
    assert backend.url != backend.address and backend.collector.poll() is None
    _export(backend.url)
    backend.wait(backend.spans)
    (span,) = backend.spans()
    assert (span.name, span.library, span.failed) == ("answer", "a library", True)
    assert span.attributes == {"said": WORDS, "tokens": 3, "reasons": ["stop"]}
    assert len(span.events) == 1 and 0 <= span.events[0] <= span.seconds


def test_the_collector_is_what_forwards(backend):
    if backend.collector is None:
        pytest.skip("Rotel is not installed: make group NAME=tracing")
    backend.stop_collector()
    _export_once(backend.url)
    assert not backend.bodies


# A notebook's kernel that was interrupted still sends what it has, and a kernel that was killed leaves nothing behind.
_APP = """
import time
from mistral_on_azure import start_backend
backend = start_backend()
said = backend.collector.pid if backend.collector else ""
while True:
    try:
        print(said, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        said = backend.collector.poll() is None
"""


def test_the_collector_outlives_an_interrupt_and_ends_with_its_parent():
    app = Marked([sys.executable, "-c", _APP])
    with app.process as process:
        pid = process.stdout.readline().strip()
        if pid:
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout.readline() == "True\n"
            assert int(pid) in app.alive()
        process.kill()
    assert app.all_gone(within=20)
    if not pid:
        pytest.skip("Rotel is not installed: make group NAME=tracing")


def test_a_collector_that_cannot_start_is_one_line(tmp_path):
    program = tmp_path / "collector"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    backend = telemetry.Backend("http://127.0.0.1:1", "http://127.0.0.1:1", [], None)
    with pytest.raises(CookbookError, match="ended 3 times as soon as it was started"):
        telemetry._collect(backend, program)


def _export_once(url: str) -> None:
    import requests

    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/v1/traces", data=b"", timeout=5)


def test_what_the_backend_keeps_can_be_searched_for_words(backend):
    _export(backend.url)
    backend.wait(backend.spans)
    assert any(WORDS.encode() in body for _, body in backend.bodies)
    assert WORDS.encode() in backend.spans()[0].encoded


def test_packed_bodies_are_unpacked_before_they_are_searched(backend):
    import gzip

    import requests

    packed = {"Content-Encoding": "gzip"}
    requests.post(f"{backend.address}/v1/logs", data=gzip.compress(WORDS.encode()), headers=packed, timeout=10)
    assert backend.bodies == [("/v1/logs", WORDS.encode())]


def test_waiting_has_a_limit(backend, monkeypatch):
    monkeypatch.setattr(telemetry, "_PATIENCE", 0.1)
    with pytest.raises(CookbookError, match=r"did not arrive within 0\.1 seconds"):
        backend.wait(lambda: False)
