"""The processes of the local endpoint that tests share, one for each kind of deployment that a test needs."""

from __future__ import annotations

import atexit
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from mistral_on_azure.endpoint.starting import LocalEndpoint, begin
from mistral_on_azure.errors import CookbookError

KEPT = 1_000  # exchanges of a test that the journal keeps
_TIMEOUT = 30.0  # seconds for an answer of the endpoint's own routes


@dataclass(slots=True)
class Process:
    """A running endpoint, and a connection to its own routes under `/local`.

    Attributes:
        holder: the endpoint of the test that took it last; no other test may read its journal.
        taken: whether the holder still needs it.
    """

    kind: str
    started: LocalEndpoint
    holder: object = None
    taken: bool = True
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.started.url).netloc, timeout=_TIMEOUT)

    @property
    def key(self) -> str:
        return self.started.keys[0]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to one of the endpoint's own routes, and return the JSON of the answer.

        Raises:
            CookbookError: with the message of an error answer; for a body that is not JSON; and when the process has
                ended.
        """
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            sent = None if body is None else json.dumps(body)
        except (TypeError, ValueError, RecursionError) as error:
            raise CookbookError(f"The values for the endpoint must be JSON: {error}.") from None
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
        value = json.loads(text)
        if answer.status != 200:
            raise CookbookError(value["error"]["message"] if "error" in value else str(value))
        return value

    def stop(self) -> None:
        """End the process."""
        self._connection.close()
        self.started.stop()


class Processes:
    """The endpoint processes of all kinds. Each starts when it is first needed; all end together.

    Args:
        options: fields of `mistral_on_azure.endpoint.options.Options`, for all processes.
    """

    def __init__(self, **options: Any) -> None:
        self._options = {"exchanges": KEPT, "strict": True, **options}
        self._running: list[Process] = []
        self._starting: dict[str, Callable[[], LocalEndpoint]] = {}

    def begin(self, kind: str) -> None:
        """Start the first process of a kind without waiting for it; `take` waits until it listens."""
        if kind not in self._starting and all(process.kind != kind for process in self._running):
            self._starting[kind] = begin(kind=kind, **self._options)

    def take(self, kind: str, holder: object) -> Process:
        """Give the holder an endpoint process of a kind: a free one, whose session is renewed, or a new one.

        Raises:
            CookbookError: when it does not start, as for an unknown kind.
        """
        self._running = [process for process in self._running if process.started.process.poll() is None]
        for process in self._running:
            if process.kind == kind and (not process.taken or process.holder is holder):
                process.taken, process.holder = True, holder
                process.ask("DELETE", "/local/session")
                return process
        start = self._starting.pop(kind, None) or begin(kind=kind, **self._options)
        process = Process(kind, start(), holder)
        self._running.append(process)
        return process

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.stop()
        self._running.clear()


@cache
def shared() -> Processes:
    """The processes of all tests of this Python process. They end with it."""
    processes = Processes()
    atexit.register(processes.__exit__)
    return processes
