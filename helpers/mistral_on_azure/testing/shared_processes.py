"""The processes of the local endpoint that tests share, one for each kind of deployment that is asked for."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mistral_on_azure.endpoint.starting import LocalEndpoint, begin
from mistral_on_azure.errors import CookbookError

KEPT = 1_000  # exchanges of a test that can be looked at
_TIMEOUT = 30.0  # seconds for an answer of the endpoint's own routes


@dataclass(slots=True)
class Process:
    """A running endpoint, and a connection to its own routes under `/local`."""

    kind: str
    started: LocalEndpoint
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.started.url).netloc, timeout=_TIMEOUT)

    @property
    def url(self) -> str:
        return self.started.url

    @property
    def key(self) -> str:
        return self.started.keys[0]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What one of the endpoint's own routes answers.

        Raises:
            CookbookError: what it objects to, or that the process has ended.
        """
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        for again in (True, False):
            try:
                self._connection.request(method, path, sent, headers)
                answer = self._connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()  # an idle connection may have been closed by the endpoint
                if not again:
                    raise CookbookError(f"The local endpoint does not answer: {error!r}.") from None
        told = json.loads(text)
        if answer.status != 200:
            raise CookbookError(told["error"]["message"] if "error" in told else str(told))
        return told

    def stop(self) -> None:
        """End the process."""
        self._connection.close()
        self.started.stop()


class Processes:
    """Endpoints by their kind, each started when it is first asked for and ended with all others."""

    def __init__(self) -> None:
        self._running: dict[str, Process] = {}
        self._starting: dict[str, Callable[[], LocalEndpoint]] = {}

    def begin(self, kind: str) -> None:
        """Start the process of a kind, which `of` waits for: the caller has imports of its own to do meanwhile."""
        self._starting[kind] = begin(kind=kind, exchanges=KEPT, strict=True)

    def of(self, kind: str) -> Process:
        """The process that serves a kind, with nothing left of what was done to it before.

        Raises:
            CookbookError: when it does not start, as for a kind that there is not.
        """
        process = self._running.get(kind)
        if process is not None and process.started.process.poll() is None:
            process.ask("DELETE", "/local/session")
            return process
        if kind not in self._starting:
            self.begin(kind)
        process = self._running[kind] = Process(kind, self._starting.pop(kind)())
        return process

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.stop()
        self._running.clear()
